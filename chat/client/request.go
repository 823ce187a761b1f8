package client

import (
	"context"
	"errors"
	"log/slog"
	"unicode/utf8"

	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/codec"
)

// Request is an event by which clients ask for something.
type Request struct {
	Name   string
	Takes  string // for people: what its arguments are
	Least  int    // arguments
	Most   int
	Shared bool // the program's own handlers of this event are called as well; else they take its place
	Handle func(*Call) error
}

// requests are those of one namespace, by name.
type requests map[string]*Request

// OwnRequests are those that need nothing but a client and its rooms.
func (c *Clients) OwnRequests() []Request {
	return []Request{
		{Name: rule.EventJoin, Takes: "the name of a room and, if wanted, {since, history, presence}", Least: 1, Most: 2, Shared: true, Handle: c.join},
		{Name: rule.EventLeave, Takes: "the name of a room", Least: 1, Most: 1, Shared: true, Handle: c.leave},
		{Name: rule.EventTyping, Takes: "the name of a room and true or false", Least: 2, Most: 2, Handle: c.typing},
		{Name: rule.EventPresence, Takes: "the name of a room and, if wanted, {cursor, limit, watch}", Least: 1, Most: 2, Handle: c.listPresence},
		{Name: rule.EventStatus, Takes: "data and, if wanted, the name of a room", Least: 1, Most: 2, Handle: c.setStatus},
	}
}

// Call is a request that is being handled.
type Call struct {
	*Client
	Args  []any
	Reply func(...any)
	Asked bool // the client waits for the answer
}

// do handles a request. A handler that returns nil has answered, or will.
func (cl *Client) do(r *Request, args []any) {
	values, reply := codec.SplitAck(args)
	ca := &Call{Client: cl, Args: values, Reply: reply, Asked: len(values) < len(args)}
	defer func() {
		if reason := recover(); reason != nil {
			cl.all.Options.Logger.LogAttrs(context.Background(), slog.LevelError, "a request made its handler panic",
				slog.String("event", r.Name), slog.Any("panic", reason))
			ca.Refuse(r.Name, &rule.Error{Code: rule.CodeInternal, Message: "the server could not handle this request"})
		}
	}()
	if n := len(values); n < r.Least || n > r.Most {
		ca.Refuse(r.Name, rule.BadRequest(r.Name+" takes "+r.Takes))
		return
	}
	if err := r.Handle(ca); err != nil {
		ca.Refuse(r.Name, err)
	}
}

// Refuse answers a request that is not done.
func (ca *Call) Refuse(event string, err error) {
	refused := ca.all.Refusal(err)
	ca.all.stats.refused(event, refused.Code)
	if limit := (*store.LimitError)(nil); errors.As(err, &limit) {
		count(&ca.all.stats.Limits, limit.Key)
	}
	var known *rule.Error
	if !errors.As(err, &known) {
		ca.all.Options.Logger.LogAttrs(context.Background(), slog.LevelDebug, "request not done",
			slog.String("event", event), slog.String("socket", string(ca.Socket.Id())), slog.Any("error", err))
	}
	ca.Reply(refused.Answer())
}

// OK answers {ok: true} with further members.
func (ca *Call) OK(answer map[string]any) {
	if answer == nil {
		answer = make(map[string]any, 1)
	}
	answer["ok"] = true
	ca.Reply(answer)
}

// Option reads the options of a request, which are its argument i, into a struct. A client may leave them out.
func Option[T any](ca *Call, event string, i int) (options T, err error) {
	if i >= len(ca.Args) {
		return options, nil
	}
	given, err := codec.Arg[*T](event, ca.Args, i)
	if err != nil {
		return options, rule.BadRequest(event + ": the options, argument " + string(rune('1'+i)) + ", are not an object with members of the right types")
	}
	if given != nil {
		options = *given
	}
	return options, nil
}

// TextArg reads an argument that is a text of at most some bytes.
func TextArg(ca *Call, event string, i, most int) (string, bool) {
	value, err := codec.Arg[string](event, ca.Args, i)
	return value, err == nil && value != "" && len(value) <= most && utf8.ValidString(value)
}
