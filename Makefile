# make, or make help, lists the targets.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

VERSION := $(shell git describe --tags --always --dirty 2>/dev/null)
GOLANGCI_LINT := github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.8.0

.PHONY: help
help: ## list the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

.PHONY: run
run: build ## a cluster of three nodes on http://localhost:3000; needs nothing but Go
	bin/chorus dev

.PHONY: build
build: ## bin/chorus, with the pages when Node.js is there
	@if command -v node >/dev/null; then $(MAKE) --no-print-directory pages; \
	else echo 'make: no Node.js: building without pages; install Node.js 20 and run make build again to get them'; fi
	CGO_ENABLED=0 go build -trimpath -ldflags '-s -w -X main.version=$(VERSION)' -o bin/chorus ./cmd/chorus

PAGES := web/dist/chat.html

.PHONY: pages
pages: $(PAGES) ## the pages of the nodes and the official client, in web/dist

$(PAGES): $(shell find web -name node_modules -prune -o -path web/dist -prune -o -type f ! -name '*.go' -print)
	cd web && npm ci --no-audit --no-fund
	cd web && npm run --silent build

.PHONY: test
test: lint test-go budget test-fuzz test-web test-e2e alerts ## everything; installs what is missing (a Redis server, npm packages) and says so

# The tests have real servers, browsers and time limits, and run beside one another on two cores. What fails runs once more,
# alone, and counts then; a data race counts at once. A test that needs this is to be mended: its failure stays in the log.
ALONE_GO = { ! grep -q 'DATA RACE' bin/test-go.log && echo 'make: the packages that failed run once more, alone' && go test -race -timeout 30m -p 1 ./...; }
ALONE_E2E = { echo 'make: the files that failed run once more, alone'; npm run alone; }

.PHONY: test-go
test-go: redis ## unit tests, with the race detector
	go vet ./...
	@mkdir -p bin
	go test -race -timeout 30m ./... 2>&1 | tee bin/test-go.log || $(ALONE_GO)
	go -C bench/peers vet ./...

.PHONY: test-web
test-web: ## the kit for front ends and the model of the chat page, without a browser
	@command -v node >/dev/null || { echo 'make: Node.js 20 or later is needed for the tests of the pages' >&2; exit 1; }
	@$(MAKE) --no-print-directory pages
	cd web && npm test

.PHONY: test-e2e
test-e2e: build redis chromium proxies ## official clients, a Node.js server and a real browser against real nodes
	go build -race -o bin/chorus-test-peer ./test/peer
	@command -v node >/dev/null || { echo 'make: Node.js 20 or later is needed for the end-to-end tests' >&2; exit 1; }
	cd test && npm ci --no-audit --no-fund
	cd test && { npm test || $(ALONE_E2E); }

.PHONY: screenshots
screenshots: build redis chromium ## the pictures in docs/images, which the tests of the pages make
	@fc-list | grep -qi emoji || { \
		echo 'make: installing fonts-noto-color-emoji, which the pictures need'; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends fonts-noto-color-emoji; \
	}
	@command -v node >/dev/null || { echo 'make: Node.js 20 or later is needed for the screenshots' >&2; exit 1; }
	cd test && npm ci --no-audit --no-fund
	@mkdir -p docs/images
	cd test && CHORUS_PICTURES=1 node --test --test-reporter=spec --test-timeout=300000 pages-pictures.test.js

FUZZ := 10m

# Go may report the end of the fuzz time itself as a failure, without an input that fails.
FUZZ_ENDED := { grep -qx "    context deadline exceeded" "$$1.$$2.log" && ! grep -q "Failing input" "$$1.$$2.log"; }

.PHONY: fuzz
fuzz: ## every fuzz target for ten minutes (or FUZZ=1h), one on each core; what it finds stays in testdata/fuzz
	@mkdir -p bin/fuzz
	@grep -rl --include=*_test.go --exclude-dir=node_modules '^func Fuzz' . | xargs -n1 dirname | sort -u | while read -r package; do \
		binary=$(CURDIR)/bin/fuzz/$$(tr / _ <<< "$${package#./}").test; \
		go test -c -fuzz . -o "$$binary" "$$package"; \
		for target in $$(grep -ho '^func Fuzz[A-Za-z0-9]*' $$package/*_test.go | cut -c6-); do echo "$$package $$binary $$target"; done; \
	done > bin/fuzz/targets
	@cache=$$(go env GOCACHE)/fuzz xargs -P "$$(getconf _NPROCESSORS_ONLN)" -L1 bash -c \
		'cd "$$0" && "$$1" -test.run "^\$$" -test.fuzz "^$$2\$$" -test.fuzztime $(FUZZ) -test.parallel 1 -test.fuzzcachedir "$$cache/chorus/$$0" > "$$1.$$2.log" 2>&1 || $(FUZZ_ENDED) && echo "ok $$0 $$2" || { echo "FAIL $$0 $$2"; cat "$$1.$$2.log"; exit 1; }' < bin/fuzz/targets

.PHONY: test-fuzz
test-fuzz:
	@$(MAKE) --no-print-directory fuzz FUZZ=10s

.PHONY: budget
budget: valgrind ## count the instructions of the hot paths and compare them with bench/budget/budget.json (WRITE=1 accepts them)
	go run ./bench/budget $(if $(WRITE),--write)

.PHONY: bench
bench: redis ## the same load on this and on other servers: bench/RESULTS.md; about 90 minutes, on an idle machine
	@command -v node >/dev/null || { echo 'make: Node.js 20 or later is needed, it is one of the servers' >&2; exit 1; }
	cd bench/peers/node && npm ci --no-audit --no-fund
	go run ./bench/compare

.PHONY: scale
scale: redis ## how the ways between nodes scale, from 1 to 16 nodes: docs/scaling.md; about 15 minutes, on an idle machine
	@command -v node >/dev/null || { echo 'make: Node.js 20 or later is needed, it is one of the servers' >&2; exit 1; }
	cd bench/peers/node && npm ci --no-audit --no-fund
	go run ./bench/compare --scale

CHURN := 10m

.PHONY: churn
churn: redis ## clients come and go for ten minutes (or CHURN=1h), in every mode; fails if anything of them stays
	go test -count=1 -timeout 0 -v ./test/churn -churn $(CHURN)

.PHONY: loss
loss: build redis ## what is lost of a minute's traffic when a node and Redis are killed: nothing with streams
	cd test && npm ci --no-audit --no-fund
	cd test && node --test --test-reporter=spec loss/loss.js

.PHONY: alerts
alerts: ## the alerts for Prometheus: the rules are well-formed, and each fires for its fault
	@command -v promtool >/dev/null || { \
		echo 'make: installing prometheus, whose promtool checks the alerts'; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends prometheus; \
	}
	promtool check rules deploy/prometheus-rules.yml
	cd deploy && promtool test rules prometheus-rules.test.yml

CADDY := github.com/caddyserver/caddy/v2/cmd/caddy@v2.11.9

bin/caddy:
	GOBIN=$(CURDIR)/bin go install $(CADDY)

.PHONY: balancers
balancers: build redis proxies bin/caddy ## nginx, HAProxy and Caddy, with the files of deploy/, in front of three nodes
	cd test && npm ci --no-audit --no-fund
	cd test && CADDY=$(CURDIR)/bin/caddy node --test --test-reporter=spec balancers.test.js

.PHONY: kubernetes
kubernetes: build redis ## deploy/kubernetes.yaml, read by the types of Kubernetes, and pods as it says
	cd test && npm ci --no-audit --no-fund
	cd test && node --test --test-reporter=spec kubernetes/kubernetes.js

.PHONY: compose
compose: ## docker-compose.yml, started by Docker on port 3000; needs Docker
	cd test && npm ci --no-audit --no-fund
	cd test && node --test --test-reporter=spec compose/compose.js

CASE :=
WRITE :=

.PHONY: faults
faults: build redis ## attacks and outages, each with its expectation and figure; about 40 minutes (CASE=name runs one, WRITE=1 writes docs/faults.md)
	cd test && npm ci --no-audit --no-fund
	cd test && node faults/faults.js $(if $(WRITE),--write) $(CASE)
	$(if $(CASE),,$(MAKE) --no-print-directory balancers kubernetes)

.PHONY: redis
redis:
	@command -v redis-server >/dev/null || { \
		echo 'make: installing redis-server, which the tests need'; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends redis-server; \
	}

.PHONY: proxies
proxies:
	@command -v nginx >/dev/null && command -v haproxy >/dev/null || { \
		echo 'make: installing nginx and haproxy, which the tests need'; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends nginx haproxy; \
	}

.PHONY: chromium
chromium:
	@command -v chromium >/dev/null || { \
		echo 'make: installing chromium, which the tests of the pages need'; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends chromium; \
	}

.PHONY: valgrind
valgrind:
	@command -v valgrind >/dev/null || { \
		echo 'make: installing valgrind, which counts the instructions of the hot paths'; \
		sudo=$$([ "$$(id -u)" = 0 ] || echo sudo); \
		$$sudo apt-get update -q && $$sudo env DEBIAN_FRONTEND=noninteractive apt-get install -qy --no-install-recommends valgrind; \
	}

.PHONY: lint
lint: ## golangci-lint, built on first use
	go run $(GOLANGCI_LINT) run ./...

.PHONY: clean
clean: ## remove what make made
	rm -rf bin test/node_modules bench/peers/node/node_modules bench/peers/bun/node_modules web/node_modules examples/*/node_modules examples/*/dist
	git clean -fdxq web/dist
