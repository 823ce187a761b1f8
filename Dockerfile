# The image holds one static binary and nothing else: no shell, no packages to update.
FROM node:20 AS pages
WORKDIR /src/web
COPY web/package.json web/package-lock.json web/.npmrc ./
COPY web/kit/package.json kit/
RUN npm ci --no-audit --no-fund
COPY web .
RUN npm run build

FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
COPY --from=pages /src/web/dist web/dist
ARG VERSION=container
RUN CGO_ENABLED=0 go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/chorus ./cmd/chorus

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
COPY --from=build /out/chorus /chorus
USER 65532:65532
ENV CHORUS_LISTEN=:3000 CHORUS_ADMIN_LISTEN=:3900 CHORUS_LOG_FORMAT=json CHORUS_DRAIN_DELAY=5s
EXPOSE 3000 3900
HEALTHCHECK --interval=5s --timeout=4s --start-period=10s CMD ["/chorus", "health"]
ENTRYPOINT ["/chorus"]
CMD ["serve"]
