package engine

import (
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"time"

	"chorus/engine/request"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// errPanic means that a listener panicked: a handler or middleware of the program.
var errPanic = errors.New("panic")

// guard calls what runs code of the program. A panic there ends one session, not the process.
func (s *Server) guard(fn func() error) (err error) {
	defer func() {
		if r := recover(); r != nil {
			s.log.Error("a handler or middleware panicked: its connection is closed",
				slog.Any("panic", r), slog.String("stack", string(debug.Stack())))
			err = fmt.Errorf("%w: %v", errPanic, r)
		}
	}()
	return fn()
}

var errClosed = errors.New("the session has ended")

// The refusals of a request (Engine.IO protocol: error codes of the reference implementation).
var (
	unknownTransport    = &types.CodeMessage{Code: 0, Message: "Transport unknown"}
	unknownSession      = &types.CodeMessage{Code: 1, Message: "Session ID unknown"}
	badMethod           = &types.CodeMessage{Code: 2, Message: "Bad handshake method"}
	badRequest          = &types.CodeMessage{Code: 3, Message: "Bad request"}
	forbidden           = &types.CodeMessage{Code: 4, Message: "Forbidden"}
	unsupportedProtocol = &types.CodeMessage{Code: 5, Message: "Unsupported protocol version"}
	tooMany             = &types.CodeMessage{Code: 4, Message: "Too many connections"}
	closed              = &types.CodeMessage{Code: 3, Message: "The server is closed"}
)

// refuse answers a request with a code, as JSON, and tells the listeners of "connection_error".
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, refusal *types.CodeMessage, context map[string]any) {
	if s.ListenerCount("connection_error") > 0 {
		s.Emit("connection_error", &types.ErrorMessage{CodeMessage: refusal, Req: newContext(request.Keep(r)), Context: context})
	}
	status := http.StatusBadRequest
	switch refusal {
	case tooMany, closed:
		status = http.StatusServiceUnavailable
	default:
		if refusal.Code == forbidden.Code {
			status = http.StatusForbidden
		}
	}
	body, _ := json.Marshal(struct { // it cannot fail: a number and texts
		*types.CodeMessage
		Detail string `json:"detail,omitempty"`
	}{refusal, s.detail(refusal, context)})
	w.Header().Set("Content-Type", "application/json")
	if status == http.StatusServiceUnavailable {
		w.Header().Set("Connection", "close")
		w.Header().Set("Retry-After", "1")
	}
	request.DropBody(w, r)
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(s.opts.BodyTimeout))
	w.WriteHeader(status)
	_, _ = w.Write(body)
}

// detail returns what a refusal tells besides its message.
func (s *Server) detail(refusal *types.CodeMessage, context map[string]any) string {
	sid, ok := context["sid"].(string)
	if refusal != unknownSession || !ok || s.opts.ExplainUnknown == nil {
		return ""
	}
	return s.opts.ExplainUnknown(sid)
}
