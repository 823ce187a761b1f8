package namespace

import (
	"context"
	"log/slog"
	"runtime/debug"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
	"golang.org/x/time/rate"
)

// panics keeps a panic in the program's code from ending more than the client that caused it.
type panics struct {
	log   *slog.Logger
	lines rate.Sometimes // clients decide how often a faulty handler runs
}

func newPanics(log *slog.Logger) *panics {
	return &panics{log: log, lines: rate.Sometimes{First: 10, Interval: time.Second}}
}

// report logs a panic. It must be called by the function that recovers, so that the stack is that of the panic.
func (p *panics) report(where, name string, reason any) {
	p.lines.Do(func() {
		p.log.LogAttrs(context.Background(), slog.LevelError, "a panic was recovered in "+where,
			slog.String("name", name), slog.Any("panic", reason), slog.String("stack", string(debug.Stack())))
	})
}

// safeEmitter takes the place of the event emitter of a socket or a namespace. The library calls handlers of
// "disconnect", for one, where a panic would end the process.
type safeEmitter struct {
	types.EventEmitter
	panics *panics
	before func()           // before each event, unless it is nil
	then   func(args []any) // after the handlers, unless it is nil
	after  func(args []any) // after a panic
}

// Emit calls the handlers of an event.
func (e *safeEmitter) Emit(event types.EventName, args ...any) {
	if e.before != nil {
		e.before()
	}
	defer func() {
		if reason := recover(); reason != nil {
			e.panics.report("a handler", string(event), reason)
			e.after(args)
		}
	}()
	if event != "disconnect" && event != "disconnecting" {
		e.EventEmitter.Emit(event, args...)
		if e.then != nil {
			e.then(args)
		}
		return
	}
	for _, handler := range e.Listeners(event) { // each of them hears of the end, whatever the others do
		e.call(event, handler, args)
	}
}

func (e *safeEmitter) call(event types.EventName, handler types.EventListener, args []any) {
	defer func() {
		if reason := recover(); reason != nil {
			e.panics.report("a handler", string(event), reason)
		}
	}()
	handler(args...)
}

// watchSocket has the client of a faulty handler answered, if it waits for an answer.
func (p *panics) watchSocket(s *socket.Socket) {
	events := s.StrictEventEmitter
	events.EventEmitter = &safeEmitter{
		EventEmitter: events.EventEmitter, panics: p, after: answerInternalError,
		before: func() { p.watchMiddlewares(s) }, // a program may call Socket.Use at any time
	}
}

// answerInternalError answers a client whose event could not be handled, if the client waits for an answer.
func answerInternalError(args []any) {
	_, answer := codec.SplitAck(args)
	answer((&auth.RequestError{Code: refusal.CodeInternalError, Message: "the server could not handle this event"}).Answer())
}

// watchNamespace has a socket disconnected when a handler of its connection panics: it lacks what that handler
// would have set up.
func (p *panics) watchNamespace(nsp socket.Namespace) {
	events := nsp.EventEmitter()
	if _, done := events.EventEmitter.(*safeEmitter); done {
		return
	}
	events.EventEmitter = &safeEmitter{
		EventEmitter: events.EventEmitter, panics: p,
		then: func(args []any) {
			if s := socketOf(args); s != nil {
				p.watchMiddlewares(s) // those that the handlers of "connection" have added
			}
		},
		after: func(args []any) {
			if s := socketOf(args); s != nil {
				s.Disconnect(false)
			}
		},
	}
}

// socketOf returns the socket of an event of a namespace, nil for events without one.
func socketOf(args []any) *socket.Socket {
	if len(args) == 0 {
		return nil
	}
	s, _ := args[0].(*socket.Socket)
	return s
}
