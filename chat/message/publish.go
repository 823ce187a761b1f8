package message

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/chat/client"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// message sends a value to every client of the cluster.
func (c *Messages) message(ca *client.Call) error {
	if !ca.Permits(permission.Broadcast, "") {
		return auth.Forbidden(permission.Broadcast, "")
	}
	if err := ca.MayTalk(); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionMessage, Value: ca.Args[0], ID: rule.NewID(), At: rule.Now()})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	event, answer := []any{rule.EventMessage, a.Value}, map[string]any{}
	if c.Options.Meta {
		event = append(event, view.Meta{ID: a.ID, At: a.At, From: view.From(ca.User())}.Argument())
		answer["id"], answer["at"] = a.ID, a.At
	}
	ca.EmitFor(rule.EventMessage, event, nil, a, answer)
	return nil
}

// publishOptions are the last argument of "publish" and "direct".
type publishOptions struct {
	ID       *string  `json:"id"`
	Mentions []string `json:"mentions"`
}

// publish says something in a room, of which the sender must be a member, or in a conversation.
func (c *Messages) publish(ca *client.Call) error {
	p, err := ca.Place(rule.EventPublish)
	if err != nil {
		return err
	}
	return c.say(ca, rule.EventPublish, p)
}

// say publishes the value of a request in a place.
func (c *Messages) say(ca *client.Call, event string, p rule.Place) error {
	opts, err := client.Option[publishOptions](ca, event, 2)
	switch {
	case err != nil:
		return err
	case opts.ID != nil && !rule.MessageID.MatchString(*opts.ID):
		return rule.BadRequest("the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	}
	if err := checkMentions(opts.Mentions, c.Options.MaxMentions); err != nil {
		return err
	}
	if err := ca.MaySpeak(p); err != nil {
		return err
	}
	m := &Outgoing{Place: p, From: ca.User(), Sender: ca.PresenceID(), Origin: string(ca.Socket.Id()), ID: rule.NewID(), mentions: opts.Mentions, Value: ca.Args[1]}
	if opts.ID != nil {
		m.ID, m.chosen = *opts.ID, true
		data, _, err := store.EncodeValue(m.Value)
		if err != nil {
			return err
		}
		m.digest = store.Digest(data) // of what the client said: the hooks may replace it by something else each time
	}
	if m.Slow, err = ca.Slowness(p); err != nil {
		return err
	}
	a := ca.Action(client.Action{Kind: client.ActionPublish, Room: p.Name, Value: m.Value, ID: m.ID})
	if p.Peer != "" {
		a.Kind, a.To = client.ActionDirect, p.Peer
	}
	if err := c.AskHooks(a); err != nil {
		return err
	}
	m.Value = a.Value
	if m.direct() && !m.chosen && !c.Tells(m.kind(), p.Room()) { // the common case waits for nothing here
		if m.Slow > 0 {
			ctx, cancel := c.Context()
			defer cancel()
			if err := c.TakeTurn(ctx, m.Place.Log, m.Sender, m.Slow); err != nil {
				return err
			}
		}
		a.At = rule.Now()
		events := m.events(view.Meta{ID: m.ID, At: a.At, From: view.From(m.From)})
		answer := map[string]any{"id": m.ID, "at": a.At}
		if p.Peer != "" {
			answer["online"] = c.online(p.Peer)
		}
		for _, e := range events[:len(events)-1] {
			c.Emit(e.event, e.to, nil)
		}
		last := events[len(events)-1]
		ca.EmitFor(event, last.event, last.to, a, answer)
		return nil
	}
	answer, err := c.Deliver(m)
	if err == nil {
		a.At = answer.At
	}
	if err != nil || !answer.repeated { // what was said before was told then
		c.TellHooks(a, err)
	}
	if err != nil {
		return err
	}
	ca.OK(answer.members(a.Ack))
	return nil
}

// checkMentions returns why a message cannot mention these users.
func checkMentions(users []string, most int) error {
	if len(users) > most {
		return rule.BadRequest(fmt.Sprintf("a message mentions at most %d users", most))
	}
	for _, user := range users {
		if rule.CheckUser(user) != nil {
			return rule.BadRequest("mentions: " + rule.ErrUserID.Error())
		}
	}
	return nil
}

// Outgoing is a message on its way.
type Outgoing struct {
	Place    rule.Place
	From     rule.User
	Sender   string // who the id belongs to
	Origin   string // socket
	ID       string
	chosen   bool   // the client chose the id, so it may come again
	digest   string // of what was said; default that of value
	mentions []string
	Event    string // of a declared event: value is a list of what it carries
	Value    any
	Slow     int           // seconds of slow mode for this sender
	except   []socket.Room // rooms whose sockets have heard it
}

// receipt is what the sender gets to know.
type receipt struct {
	ID     string `json:"id"`
	At     int64  `json:"at"`
	Seq    int64  `json:"seq,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	Online *int   `json:"online,omitempty"`

	repeated bool // it was said before
}

// members returns the members of the acknowledgement.
func (r *receipt) members(more map[string]any) map[string]any {
	answer := map[string]any{"id": r.ID, "at": r.At}
	for name, value := range more {
		answer[name] = value
	}
	if r.Seq > 0 {
		answer["seq"], answer["cursor"] = r.Seq, r.Cursor
	}
	if r.Online != nil {
		answer["online"] = *r.Online
	}
	return answer
}

// kind is that of the notice about the message.
func (m *Outgoing) kind() string {
	if m.Place.Peer != "" {
		return notice.DirectSent
	}
	return notice.MessagePublished
}

// direct reports whether the message goes to the servers without the store.
func (m *Outgoing) direct() bool { return !m.Place.Policy.History.Keeps() }

// addressed is an event and who hears it.
type addressed struct {
	event []any
	to    *socket.BroadcastOptions
}

// events returns what is sent for a message that is not kept: in a conversation each of the two hears the name of the
// other one.
func (m *Outgoing) events(mt view.Meta) []addressed {
	about, p := mt.Argument(), m.Place
	if p.Peer == "" {
		return []addressed{{[]any{rule.EventPublish, p.Log, m.Value, about}, &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(p.Log))}}}
	}
	to := func(user string, except ...socket.Room) *socket.BroadcastOptions {
		return &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(rule.UserRoom(user))), Except: types.NewSet(except...)}
	}
	var list []addressed
	if m.From.ID != "" {
		list = append(list, addressed{[]any{rule.EventDirect, p.Peer, m.Value, about}, to(m.From.ID, socket.Room(m.Origin))})
	}
	if p.Peer != m.From.ID {
		list = append(list, addressed{[]any{rule.EventDirect, m.From.ID, m.Value, about}, to(p.Peer)})
	}
	return list
}

// Deliver publishes a message and waits until that is done.
func (c *Messages) Deliver(m *Outgoing) (*receipt, error) {
	data, attach, err := store.EncodeValue(m.Value)
	if err != nil {
		return nil, err
	}
	if m.digest == "" && m.chosen {
		m.digest = store.Digest(data)
	}
	ctx, cancel := c.Context()
	defer cancel()
	var r *receipt
	switch {
	case !m.direct():
		r, err = c.keep(ctx, m, data, attach)
	case m.chosen:
		r, err = c.once(ctx, m, m.digest)
	default:
		if r, err = c.broadcast(m); err == nil {
			c.seen(m, r)
			c.tellSent(ctx, m, r)
		}
	}
	if err == nil && m.Place.Peer != "" && r.Online == nil {
		online := c.online(m.Place.Peer)
		r.Online = &online
	}
	return r, err
}

// keep appends a message to its log. Every node hears of it in the order of the log, this one as well.
func (c *Messages) keep(ctx context.Context, m *Outgoing, data []byte, attach bool) (*receipt, error) {
	if most := c.Options.MaxValue; len(data) > most {
		return nil, &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("the value has more than %d bytes", most), Details: map[string]any{"limit": most}}
	}
	if m.From.ID == "" { // the log knows no such sender
		if err := c.TakeTurn(ctx, m.Place.Log, m.Sender, m.Slow); err != nil {
			return nil, err
		}
		m.Slow = 0
	}
	a := &store.Append{
		Log: m.Place.Log, Topics: m.Place.Topics, Bounds: m.Place.Policy.History, ID: m.ID, Remember: -1, Digest: "-",
		User: m.From.ID, Name: m.From.Name, Event: m.Event, Mentions: m.mentions, Value: data, Attach: attach, Origin: m.Origin,
		Mark: m.From.ID != "", Slow: time.Duration(m.Slow) * time.Second,
		Except: roomNames(m.except),
	}
	if m.chosen {
		a.Remember, a.Digest = c.Options.Idempotency, m.digest
	}
	if m.Place.Peer == "" && c.Tells(notice.MessagePublished, m.Place.Room()) {
		a.Notice = noticeOf(m.Place, m.From, toldOf(m))
	}
	kept, err := c.Store.Append(ctx, a)
	if err != nil {
		return nil, err
	}
	r := &receipt{ID: kept.ID, At: kept.At, Seq: kept.Seq, Cursor: kept.Cursor, repeated: kept.Repeated}
	if kept.Repeated {
		return r, nil
	}
	c.tellPeers(m, &kept)
	if m.Place.Peer != "" {
		c.seen(m, r)
		c.tellSent(ctx, m, r)
	}
	return r, nil
}

// once publishes a message that is not kept, unless the cluster has seen it.
func (c *Messages) once(ctx context.Context, m *Outgoing, digest string) (*receipt, error) {
	key := m.Sender + "\n" + m.Place.Log + "\n" + m.ID
	known, err := c.Store.Begin(ctx, key, digest, c.Options.Idempotency)
	if err != nil {
		return nil, err
	}
	var r *receipt
	if known != nil {
		if err = json.Unmarshal(known, &r); err == nil {
			r.repeated = true
		}
		return r, err
	}
	var answer []byte
	if err = c.TakeTurn(ctx, m.Place.Log, m.Sender, m.Slow); err == nil {
		r, err = c.broadcast(m)
	}
	if err == nil {
		c.seen(m, r)
		c.tellSent(ctx, m, r)
		answer, _ = json.Marshal(r) // it cannot fail: there are texts and numbers
	}
	if finishErr := c.Store.Finish(ctx, key, digest, answer, c.Options.Idempotency); err == nil && finishErr != nil {
		c.Debug("the store does not know that a message was sent")
	}
	return r, err
}

// seen notes how many sockets of the recipient a message to a user went to.
func (c *Messages) seen(m *Outgoing, r *receipt) {
	if m.Place.Peer != "" {
		online := c.online(m.Place.Peer)
		r.Online = &online
	}
}

// broadcast publishes a message that is not kept.
func (c *Messages) broadcast(m *Outgoing) (*receipt, error) {
	r := &receipt{ID: m.ID, At: rule.Now()}
	events := m.events(view.Meta{ID: r.ID, At: r.At, From: view.From(m.From)})
	outcome := make(chan error, len(events))
	for _, e := range events {
		c.Emit(e.event, e.to, func(err error) { outcome <- err })
	}
	for range events {
		if err := <-outcome; err != nil {
			return nil, err
		}
	}
	return r, nil
}

// online returns how many sockets a user has in the cluster.
func (c *Messages) online(user string) int {
	ctx, cancel := c.Context()
	defer cancel()
	present, _, err := c.Store.Lookup(ctx, rule.UserRoom(user), user)
	if err != nil {
		return 0
	}
	return present.Devices
}
