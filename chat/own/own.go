package own

import (
	"context"
	"encoding/json"
	"fmt"
	"math"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/chat/client"
	"chorus/chat/event"
	"chorus/chat/rule"
	"chorus/chat/shape"
)

// maxOwnArgs is how many arguments a declared event may have.
const maxOwnArgs = 100

// own is a declared event on its way.
type own struct {
	*client.Call
	owned   *Events
	event   *event.Event
	room    rule.Place // the room concerned: that of to, else that of join or leave
	leave   rule.Place // that the sender leaves
	join    rule.Place // that the sender joins
	to      string     // the user of to: user
	args    []any      // of the client; the hook may replace them
	id      string
	at      int64
	answers map[question]any // of the cluster
}

// declared returns the request of a declared event.
func (c *Events) declared(e *event.Event) client.Request {
	takes := fmt.Sprintf("at most %d values", maxOwnArgs)
	return client.Request{Name: e.Name, Takes: takes, Most: maxOwnArgs, Shared: true, Handle: func(ca *client.Call) error {
		return (&own{Call: ca, owned: c, event: e, args: ca.Args, id: rule.NewID(), at: rule.Now()}).run()
	}}
}

// run does what the event declares, in this order: check, leave, join, count, send, reply, acknowledge.
func (o *own) run() error {
	if err := o.check(); err != nil {
		return err
	}
	a := o.Action(client.Action{Kind: client.ActionEvent, Room: o.room.Name, To: o.to, Event: o.event.Name, Hook: o.event.Hook, Args: o.args, ID: o.id, At: o.at})
	if err := o.owned.AskHooks(a); err != nil {
		return err
	}
	err := o.replaced(a)
	if err == nil {
		err = o.move()
	}
	if err == nil {
		err = o.count()
	}
	if err != nil {
		o.owned.TellHooks(a, err)
		return err
	}
	answer := map[string]any{}
	for name, s := range o.event.AckValues {
		answer[name] = s.Build(o)
	}
	for name, value := range a.Ack {
		answer[name] = value
	}
	return o.send(func(err error) {
		o.owned.TellHooks(a, err)
		if err != nil {
			o.Refuse(o.event.Name, err)
			return
		}
		o.replyToSender()
		if a.Answer != nil {
			o.Reply(*a.Answer)
			return
		}
		o.OK(answer)
	})
}

// replaced takes the arguments that the hooks gave instead of the client's, which may name another room or user.
func (o *own) replaced(a *client.Action) (err error) {
	if len(a.Args) == len(o.args) && (len(a.Args) == 0 || &a.Args[0] == &o.args[0]) {
		return nil
	}
	o.args = a.Args
	if err := o.nameRooms(); err != nil {
		return err
	}
	switch e := o.event; e.To {
	case event.Room:
		o.room, err = o.named(&e.RoomName)
	case event.User:
		to, ok := e.UserName.Text(o)
		if o.to = to; !ok || rule.CheckName(rule.UserRoom(to)) != nil {
			err = rule.BadRequest(e.Name + ": no user is named")
		}
	}
	return err
}

// check returns why the client may not send the event.
func (o *own) check() error {
	if err := o.mayEmit(); err != nil {
		return err
	}
	texts, size, err := o.texts()
	switch {
	case err != nil:
		return err
	case o.event.MaxSize > 0 && size > o.event.MaxSize:
		return &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("%s: the values have more than %d bytes", o.event.Name, o.event.MaxSize), Details: map[string]any{"limit": o.event.MaxSize}}
	}
	if err := o.event.CheckSchema(texts); err != nil {
		return invalidValue(err)
	}
	return o.hasRate()
}

// mayEmit returns why the client may not emit this event, or do with it what it declares.
func (o *own) mayEmit() (err error) {
	e := o.event
	if !o.Permits(permission.Events, e.Name) {
		return auth.Forbidden(permission.Events, e.Name)
	}
	if err := o.nameRooms(); err != nil {
		return err
	}
	if e.Join != "" {
		if err := o.Allow(permission.Join, o.join); err != nil {
			return err
		}
	}
	switch e.To {
	case event.Everyone, event.Others:
		if !o.Permits(permission.Broadcast, "") {
			return auth.Forbidden(permission.Broadcast, "")
		}
		return o.MayTalk()
	case event.Room:
		if o.room, err = o.named(&e.RoomName); err != nil {
			return err
		}
		return o.MaySpeak(o.room)
	case event.User:
		if !o.Permits(permission.Direct, "") {
			return auth.Forbidden(permission.Direct, "")
		}
		to, ok := e.UserName.Text(o)
		if !ok || rule.CheckName(rule.UserRoom(to)) != nil {
			return rule.BadRequest(e.Name + ": no user is named")
		}
		o.to = to
		return o.MayTalk()
	default:
		return nil
	}
}

// nameRooms names the rooms that the sender leaves and joins.
func (o *own) nameRooms() (err error) {
	if o.event.Leave != "" {
		if o.leave, err = o.named(&o.event.LeaveName); err != nil {
			return err
		}
		o.room = o.leave
	}
	if o.event.Join != "" {
		if o.join, err = o.named(&o.event.JoinName); err != nil {
			return err
		}
		o.room = o.join
	}
	return nil
}

// named returns the room that a template names.
func (o *own) named(s *shape.Shape) (rule.Place, error) {
	name, ok := s.Text(o)
	if !ok {
		return rule.Place{}, rule.BadRequest(o.event.Name + ": no room is named")
	}
	p, err := (&client.Call{Client: o.Client, Args: []any{name}}).Place(o.event.Name)
	if err == nil && o.Socket.Nsp() != o.owned.Namespace {
		p.Log, p.Policy = "\x00"+o.Socket.Nsp().Name()+"\x00"+p.Name, rule.RoomPolicy{} // rooms of another namespace are others
	}
	return p, err
}

// texts returns the arguments as JSON, and their size.
func (o *own) texts() (texts []json.RawMessage, size int64, err error) {
	for _, arg := range o.args {
		text, ok := arg.(json.RawMessage)
		if !ok {
			if text, err = json.Marshal(arg); err != nil {
				return nil, 0, rule.BadRequest(o.event.Name + ": a value cannot be read")
			}
		}
		texts, size = append(texts, text), size+int64(len(text))
	}
	return texts, size, nil
}

// hasRate returns the refusal of a client that sends the event too often.
func (o *own) hasRate() error {
	e := o.event
	if e.Rate <= 0 {
		return nil
	}
	burst := e.Burst
	if burst == 0 {
		burst = int(math.Ceil(e.Rate))
	}
	r := o.Limiter(e, e.Rate, burst).Reserve()
	wait := r.Delay()
	if wait == 0 {
		return nil
	}
	r.Cancel()
	return &rule.Error{Code: rule.CodeRateLimited, Message: e.Name + ": too many of this event", Details: map[string]any{"retry_after_ms": int64(math.Ceil(float64(wait) / float64(time.Millisecond)))}}
}

// move takes the sender out of a room and into another one.
func (o *own) move() error {
	if o.event.Leave != "" {
		o.Exit(o.leave.Name)
	}
	if o.event.Join == "" {
		return nil
	}
	return o.JoinQuietly(o.join)
}

// maxListedUsers is how many users a placeholder {users} lists.
const maxListedUsers = 1000

// count asks the cluster who is where, as far as the templates of the event need it.
func (o *own) count() error {
	questions := o.event.Counts()
	if len(questions) == 0 {
		return nil
	}
	ctx, cancel := o.owned.Context()
	defer cancel()
	o.answers = make(map[question]any, len(questions))
	for _, p := range questions {
		q := question{p.Kind, p.Room}
		if _, known := o.answers[q]; known {
			continue
		}
		answer, err := o.ask(ctx, q)
		if err != nil {
			return err
		}
		o.answers[q] = answer
	}
	return nil
}

// ask asks the cluster for the value of a placeholder.
func (o *own) ask(ctx context.Context, q question) (any, error) {
	log := o.room.Log
	if q.room != "" {
		log = q.room
		if o.Socket.Nsp() != o.owned.Namespace {
			log = "\x00" + o.Socket.Nsp().Name() + "\x00" + q.room
		}
	}
	limit := 0
	switch q.kind {
	case shape.Online:
		log = client.OnlineLog
	case shape.Users:
		limit = maxListedUsers
	}
	page, err := o.owned.Store.List(ctx, log, "", limit)
	if err != nil || q.kind != shape.Users {
		return page.Count, err
	}
	users := make([]rule.User, len(page.Users))
	for i, p := range page.Users {
		users[i] = rule.User{ID: p.User, Name: p.Name}
	}
	return users, nil
}

// question is a placeholder that the cluster answers.
type question struct {
	kind shape.Kind
	room string // "" for the room concerned
}
