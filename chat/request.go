package chat

import (
	"context"
	"errors"
	"log/slog"

	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/codec"
)

// request is an event by which clients ask for something.
type request struct {
	name   string
	takes  string // for people: what its arguments are
	least  int    // arguments
	most   int
	shared bool // the program's own handlers of this event are called as well; else they take its place
	handle func(*call) error
}

// requests are those of one namespace, by name.
type requests map[string]*request

// takesBar is what requests about a user take.
const takesBar = "the name of a room or null, the id of a user and, if wanted, {for, reason}"

// builtIn returns the requests of the chat product. There is one row for each.
func (c *Chat) builtIn() requests {
	rows := []request{
		{name: rule.EventMessage, takes: "exactly one value", least: 1, most: 1, shared: true, handle: c.message},
		{name: rule.EventJoin, takes: "the name of a room and, if wanted, {since, history, presence}", least: 1, most: 2, shared: true, handle: c.join},
		{name: rule.EventLeave, takes: "the name of a room", least: 1, most: 1, shared: true, handle: c.leave},
		{name: rule.EventDirect, takes: "the id of a user, one value and, if wanted, {id}", least: 2, most: 3, handle: c.direct},
		{name: rule.EventHistory, takes: "the name of a room and, if wanted, {before, after, limit}", least: 1, most: 2, handle: c.history},
		{name: rule.EventTyping, takes: "the name of a room and true or false", least: 2, most: 2, handle: c.typing},
		{name: rule.EventPresence, takes: "the name of a room and, if wanted, {cursor, limit, watch}", least: 1, most: 2, handle: c.listPresence},
		{name: rule.EventStatus, takes: "data and, if wanted, the name of a room", least: 1, most: 2, handle: c.setStatus},
		{name: rule.EventPublish, takes: "the name of a room, one value and, if wanted, {id, mentions}", least: 2, most: 3, shared: true, handle: c.publish},
		{name: rule.EventEdit, takes: "the name of a room, the id of a message, a value and, if wanted, {version}", least: 3, most: 4, handle: c.edit},
		{name: rule.EventDelete, takes: "the name of a room and the id of a message", least: 2, most: 2, handle: c.remove},
		{name: rule.EventReact, takes: "the name of a room, the id of a message, a key and true or false", least: 4, most: 4, handle: c.react},
		{name: rule.EventAppend, takes: "the name of a room, the id of a message, a text and, if wanted, {done, cancel}", least: 3, most: 4, handle: c.append},
		{name: rule.EventRead, takes: "the name of a room and the seq of a message or null", least: 2, most: 2, handle: c.read},
		{name: rule.EventRooms, takes: "nothing or {prefix, cursor, limit}", least: 0, most: 1, handle: c.browse},
		{name: rule.EventUnread, takes: "nothing or {rooms}", least: 0, most: 1, handle: c.unread},
		{name: Mute, takes: takesBar, least: 2, most: 3, handle: c.bar(Mute)},
		{name: Unmute, takes: takesBar, least: 2, most: 3, handle: c.bar(Unmute)},
		{name: Kick, takes: takesBar, least: 2, most: 3, handle: c.bar(Kick)},
		{name: Ban, takes: takesBar, least: 2, most: 3, handle: c.bar(Ban)},
		{name: Unban, takes: takesBar, least: 2, most: 3, handle: c.bar(Unban)},
		{name: Slow, takes: "the name of a room and a number of seconds", least: 2, most: 2, handle: c.slow},
		{name: Freeze, takes: "the name of a room and true or false", least: 2, most: 2, handle: c.freeze},
		{name: rule.EventModeration, takes: "the name of a room or null and, if wanted, {cursor}", least: 1, most: 2, handle: c.moderation},
		{name: rule.EventReport, takes: "the name of a room, the id of a message and a reason", least: 3, most: 3, handle: c.report},
	}
	table := make(requests, len(rows))
	for i := range rows {
		table[rows[i].name] = &rows[i]
	}
	return table
}

// call is a request that is being handled.
type call struct {
	*client
	args  []any
	reply func(...any)
	asked bool // the client waits for the answer
}

// do handles a request. A handler that returns nil has answered, or will.
func (cl *client) do(r *request, args []any) {
	values, reply := codec.SplitAck(args)
	ca := &call{client: cl, args: values, reply: reply, asked: len(values) < len(args)}
	defer func() {
		if reason := recover(); reason != nil {
			cl.chat.opts.Logger.LogAttrs(context.Background(), slog.LevelError, "a request made its handler panic",
				slog.String("event", r.name), slog.Any("panic", reason))
			ca.refuse(r.name, &rule.Error{Code: rule.CodeInternal, Message: "the server could not handle this request"})
		}
	}()
	if n := len(values); n < r.least || n > r.most {
		ca.refuse(r.name, rule.BadRequest(r.name+" takes "+r.takes))
		return
	}
	if err := r.handle(ca); err != nil {
		ca.refuse(r.name, err)
	}
}

func (ca *call) refuse(event string, err error) {
	refused := ca.chat.refusalOf(err)
	ca.chat.stats.refused(event, refused.Code)
	if limit := (*store.LimitError)(nil); errors.As(err, &limit) {
		count(&ca.chat.stats.Limits, limit.Key)
	}
	var known *rule.Error
	if !errors.As(err, &known) {
		ca.chat.opts.Logger.LogAttrs(context.Background(), slog.LevelDebug, "request not done",
			slog.String("event", event), slog.String("socket", string(ca.socket.Id())), slog.Any("error", err))
	}
	ca.reply(refused.Answer())
}

// ok answers {ok: true} with further members.
func (ca *call) ok(answer map[string]any) {
	if answer == nil {
		answer = make(map[string]any, 1)
	}
	answer["ok"] = true
	ca.reply(answer)
}

// option reads the options of a request, which are its argument i, into a struct. A client may leave them out.
func option[T any](ca *call, event string, i int) (options T, err error) {
	if i >= len(ca.args) {
		return options, nil
	}
	given, err := codec.Arg[*T](event, ca.args, i)
	if err != nil {
		return options, rule.BadRequest(event + ": the options, argument " + string(rune('1'+i)) + ", are not an object with members of the right types")
	}
	if given != nil {
		options = *given
	}
	return options, nil
}
