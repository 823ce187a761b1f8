// Package handshake decides which web pages may connect, and reports every client that was not let in, with what to do about
// it.
package handshake

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"chorus/auth/refusal"
	"chorus/engine"
	"chorus/internal/address"
	"chorus/internal/origin"
	"chorus/node/config"
	"chorus/node/proxy"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// Each refused origin is a warning once in this time. Beyond so many origins, the oldest is forgotten.
const (
	originLogInterval = time.Minute
	maxLoggedOrigins  = 1000
)

// Log reports every client that was not let in: a line in the log, and a metric by code.
type Log struct {
	log    *slog.Logger
	count  func(code string)
	warned *lru.Cache[string, time.Time] // refused origins, and when the log had them last
}

// NewLog reports to a log, and counts refusals by their codes.
func NewLog(log *slog.Logger, count func(code string)) *Log {
	warned, _ := lru.New[string, time.Time](maxLoggedOrigins) // it fails for sizes that are not positive
	return &Log{log: log, count: count, warned: warned}
}

// Note reports a handshake that was refused.
func (h *Log) Note(address, code string, attrs ...slog.Attr) {
	h.count(code)
	line := []any{slog.String("code", code), slog.String("address", address)}
	for _, attr := range attrs {
		line = append(line, attr)
	}
	if remedy := remedies[code]; remedy != "" {
		line = append(line, slog.String("remedy", remedy))
	}
	h.log.Info("handshake refused", line...)
}

// OnLimit reports a handshake of an address that has too many.
func (h *Log) OnLimit(address string) { h.Note(address, refusalHandshakes) }

// OnRequestRefused reports a request that the engine has refused, as a listener of "connection_error".
func (h *Log) OnRequestRefused(args ...any) {
	refusal, ok := args[0].(*types.ErrorMessage)
	if !ok {
		return
	}
	r := refusal.Req.Request()
	code := requestCode(refusal)
	attrs := []slog.Attr{}
	switch code {
	case refusalBadRequest:
		attrs = append(attrs, slog.Any("detail", refusal.Context["name"]))
	case refusalProtocol:
		if refusal.Context["protocol"] == "3" {
			code = refusalEIO3
		}
	}
	h.Note(r.RemoteAddr, code, attrs...)
}

// requestCode returns our code of a refusal of the engine.
func requestCode(refusal *types.ErrorMessage) string {
	switch refusal.Message {
	case "Too many connections":
		return refusalTooMany
	case "The server is closed":
		return RefusalDraining
	}
	if code, ok := engineCodes[refusal.Code]; ok {
		return code
	}
	return refusalBadRequest
}

// OnOriginRefused reports a web page of another origin.
func (h *Log) OnOriginRefused(r *http.Request) {
	header := clip(r.Header.Get("Origin"))
	if last, ok := h.warned.Get(header); ok && time.Since(last) < originLogInterval {
		h.Note(r.RemoteAddr, refusalOrigin, slog.String("origin", header))
		return
	}
	h.warned.Add(header, time.Now())
	h.count(refusalOrigin)
	h.log.LogAttrs(r.Context(), slog.LevelWarn, "origin refused", slog.String("code", refusalOrigin), slog.String("address", r.RemoteAddr),
		slog.String("origin", header), slog.String("host", clip(r.Host)), slog.String("remedy", originRemedy(r)))
}

// originRemedy names the setting that admits the page of a request.
func originRemedy(r *http.Request) string {
	header := r.Header.Get("Origin")
	if host := proxy.ForwardedHost(r.Header); host != "" && origin.Same(header, host) {
		return fmt.Sprintf("a proxy at %s says that the page is of this server: name the proxy in trusted_proxies (%s)",
			address.Host(r.RemoteAddr), config.Variable("trusted_proxies"))
	}
	if header == "" {
		header = "the origin of the page"
	}
	return fmt.Sprintf("if the page is yours, add %s to cors.origins (%s), or have your proxy pass the Host header on", clip(header), config.Variable("cors.origins"))
}

// OnEventRefused reports a client that authenticates by event and was refused.
func (h *Log) OnEventRefused(s *socket.Socket, err error) {
	h.noteToken(s.Conn().RemoteAddress(), refusal.Code(err), s.Nsp().Name(), refusal.Reason(err), slog.String("event", "authenticate"))
}

// noteToken reports a client that was refused because of its token, or by the program.
func (h *Log) noteToken(address, code, namespace, reason string, attrs ...slog.Attr) {
	attrs = append(attrs, slog.String("namespace", clip(namespace)))
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	if remedy := reasonRemedies[reason]; remedy != "" && remedies[code] == "" {
		attrs = append(attrs, slog.String("remedy", remedy))
	}
	h.Note(address, code, attrs...)
}

// clip shortens what a client has made up.
func clip(text string) string {
	const longest = 200
	if len(text) <= longest {
		return text
	}
	return strings.ToValidUTF8(text[:longest], "") + "..."
}

// OnSend looks for the packets that refuse a client (Socket.IO protocol: CONNECT_ERROR), whoever has
// refused it: the check of its token, a middleware of the program, or the library itself.
func (h *Log) OnSend(c *engine.Conn, text []byte) {
	if len(text) == 0 || text[0] != '4' {
		return
	}
	namespace, body := "/", text[1:]
	if len(body) > 0 && body[0] == '/' {
		name, rest, _ := bytes.Cut(body, []byte(","))
		namespace, body = string(name), rest
	}
	var refusal struct {
		Message string `json:"message"`
		Data    struct {
			Code   string `json:"code"`
			Reason string `json:"reason"`
		} `json:"data"`
		Code   string `json:"code"` // a Socket.IO v2 client gets the data alone
		Reason string `json:"reason"`
	}
	_ = json.Unmarshal(body, &refusal) // a program's own error may have any form
	code, reason := refusal.Data.Code, refusal.Data.Reason
	if code == "" {
		code, reason = refusal.Code, refusal.Reason
	}
	switch {
	case refusal.Message == "Invalid namespace", string(body) == `"Invalid namespace"`:
		code, reason = refusalNamespace, ""
	case !tokenCodes[code]:
		code, reason = refusalProgram, clip(refusal.Message)
	}
	h.noteToken(c.RemoteAddress(), code, namespace, reason)
}
