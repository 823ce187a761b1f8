package node

import (
	"errors"
	"log/slog"

	"chorus/adapter"
	"chorus/codec"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Codes of a refused chat event.
const (
	CodeBadRequest         = "bad_request"
	CodeClusterUnavailable = "cluster_unavailable"
	CodeOverloaded         = "overloaded"
	CodeInternal           = "internal_error"
)

// eventMessage is the one chat event: what a client says, every client of the cluster hears.
const eventMessage = "message"

// chat registers the chat events on a namespace.
func chat(nsp socket.Namespace, log *slog.Logger) error {
	publisher, ok := adapter.Of(nsp)
	if !ok {
		return errors.New("node: the chat events need an adapter of this project")
	}
	return nsp.On("connection", func(args ...any) {
		s := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
		_ = s.On(eventMessage, func(args ...any) {
			args, ack := codec.SplitAck(args)
			if len(args) != 1 {
				ack(refusal(CodeBadRequest, "message takes exactly one value"))
				return
			}
			packet := &parser.Packet{Type: parser.EVENT, Data: []any{eventMessage, args[0]}}
			publisher.Publish(packet, nil, func(err error) {
				if err != nil {
					log.Debug("message not accepted", slog.String("socket", string(s.Id())), slog.Any("error", err))
					ack(refusal(codeOf(err)))
					return
				}
				ack(map[string]any{"ok": true})
			})
		})
	})
}

// refusal is the answer to an event that was not done as asked.
func refusal(code, message string) map[string]any {
	return map[string]any{"ok": false, "error": map[string]any{"code": code, "message": message}}
}

func codeOf(err error) (code, message string) {
	switch {
	case errors.Is(err, adapter.ErrOverflow):
		return CodeOverloaded, "too many messages wait for Redis: only clients of this node got this one"
	case errors.Is(err, adapter.ErrUnavailable), errors.Is(err, adapter.ErrClosed):
		return CodeClusterUnavailable, "Redis is not available: only clients of this node got the message"
	default:
		return CodeInternal, "the message could not be sent"
	}
}
