package chat

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// message sends a value to every client of the cluster.
func (c *Chat) message(ca *call) error {
	if !ca.permits(permission.Broadcast, "") {
		return auth.Forbidden(permission.Broadcast, "")
	}
	if err := ca.mayTalk(); err != nil {
		return err
	}
	a := &Action{Kind: ActionMessage, client: ca.client, Value: ca.args[0], ID: rule.NewID(), At: rule.Now()}
	if err := c.before(a); err != nil {
		return err
	}
	event, answer := []any{rule.EventMessage, a.Value}, map[string]any{}
	if c.opts.Meta {
		event = append(event, view.Meta{ID: a.ID, At: a.At, From: view.From(ca.user())}.Argument())
		answer["id"], answer["at"] = a.ID, a.At
	}
	ca.sendFor(rule.EventMessage, event, nil, a, answer)
	return nil
}

// publishOptions are the last argument of "publish" and "direct".
type publishOptions struct {
	ID       *string  `json:"id"`
	Mentions []string `json:"mentions"`
}

// publish says something in a room, of which the sender must be a member, or in a conversation.
func (c *Chat) publish(ca *call) error {
	p, err := ca.place(rule.EventPublish)
	if err != nil {
		return err
	}
	return ca.say(rule.EventPublish, p)
}

// say publishes the value of a request in a place.
func (ca *call) say(event string, p rule.Place) error {
	c := ca.chat
	opts, err := option[publishOptions](ca, event, 2)
	switch {
	case err != nil:
		return err
	case opts.ID != nil && !rule.MessageID.MatchString(*opts.ID):
		return rule.BadRequest("the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	case len(opts.Mentions) > c.opts.MaxMentions:
		return rule.BadRequest(fmt.Sprintf("a message mentions at most %d users", c.opts.MaxMentions))
	}
	if err := ca.maySpeak(p); err != nil {
		return err
	}
	m := &outgoing{place: p, from: ca.user(), sender: ca.presenceID(), origin: string(ca.socket.Id()), id: rule.NewID(), mentions: opts.Mentions, value: ca.args[1]}
	if opts.ID != nil {
		m.id, m.chosen = *opts.ID, true
		data, _, err := store.EncodeValue(m.value)
		if err != nil {
			return err
		}
		m.digest = store.Digest(data) // of what the client said: the hooks may replace it by something else each time
	}
	if m.slow, err = ca.slowness(p); err != nil {
		return err
	}
	a := &Action{Kind: ActionPublish, client: ca.client, Room: p.Name, Value: m.value, ID: m.id}
	if p.Peer != "" {
		a.Kind, a.To = ActionDirect, p.Peer
	}
	if err := c.before(a); err != nil {
		return err
	}
	m.value = a.Value
	if m.direct() && !m.chosen && !c.tells(m.kind(), p) { // the common case waits for nothing here
		if m.slow > 0 {
			ctx, cancel := c.context()
			defer cancel()
			if err := c.takeTurn(ctx, m); err != nil {
				return err
			}
		}
		a.At = rule.Now()
		events := m.events(view.Meta{ID: m.id, At: a.At, From: view.From(m.from)})
		answer := map[string]any{"id": m.id, "at": a.At}
		if p.Peer != "" {
			answer["online"] = c.online(p.Peer)
		}
		for _, e := range events[:len(events)-1] {
			c.send(e.event, e.to, nil)
		}
		last := events[len(events)-1]
		ca.sendFor(event, last.event, last.to, a, answer)
		return nil
	}
	answer, err := c.deliver(m)
	if err == nil {
		a.At = answer.At
	}
	if err != nil || !answer.repeated { // what was said before was told then
		c.after(a, err)
	}
	if err != nil {
		return err
	}
	ca.ok(answer.members(a.Ack))
	return nil
}

// maySpeak returns why the client may not publish in a place.
func (ca *call) maySpeak(p rule.Place) error {
	if err := ca.allow(permission.Publish, p); err != nil {
		return err
	}
	ctx, cancel := ca.chat.context()
	defer cancel()
	if p.Peer == "" && !ca.mayPublish(ctx, p) {
		return ca.outside(ctx, p)
	}
	return ca.notMuted(ctx, p)
}

// mayPublish reports whether the client is where it must be to publish to a room. A client whose token permits it to
// publish but not to join need not join. Neither need one that has just connected, of a user who is or was in the room a
// moment ago: a client with the option retries sends what is pending before the program joins again.
func (ca *call) mayPublish(ctx context.Context, p rule.Place) bool {
	if ca.chat.opts.PublishWithoutJoin || ca.member(p.Name) || !ca.permits(permission.Join, p.Name) {
		return true
	}
	if time.Since(ca.came) > ca.chat.opts.Presence.Grace || ca.settled.Load() {
		return false
	}
	_, present, err := ca.chat.store.Lookup(ctx, p.Log, ca.presenceID())
	return err == nil && present
}

// outgoing is a message on its way.
type outgoing struct {
	place    rule.Place
	from     rule.User
	sender   string // who the id belongs to
	origin   string // socket
	id       string
	chosen   bool   // the client chose the id, so it may come again
	digest   string // of what was said; default that of value
	mentions []string
	event    string // of a declared event: value is a list of what it carries
	value    any
	slow     int           // seconds of slow mode for this sender
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
func (m *outgoing) kind() string {
	if m.place.Peer != "" {
		return notice.DirectSent
	}
	return notice.MessagePublished
}

// direct reports whether the message goes to the servers without the store.
func (m *outgoing) direct() bool { return !m.place.Policy.History.Keeps() }

// addressed is an event and who hears it.
type addressed struct {
	event []any
	to    *socket.BroadcastOptions
}

// events returns what is sent for a message that is not kept: in a conversation each of the two hears the name of the
// other one.
func (m *outgoing) events(mt view.Meta) []addressed {
	about, p := mt.Argument(), m.place
	if p.Peer == "" {
		return []addressed{{[]any{rule.EventPublish, p.Log, m.value, about}, &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(p.Log))}}}
	}
	to := func(user string, except ...socket.Room) *socket.BroadcastOptions {
		return &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(rule.UserRoom(user))), Except: types.NewSet(except...)}
	}
	var list []addressed
	if m.from.ID != "" {
		list = append(list, addressed{[]any{rule.EventDirect, p.Peer, m.value, about}, to(m.from.ID, socket.Room(m.origin))})
	}
	if p.Peer != m.from.ID {
		list = append(list, addressed{[]any{rule.EventDirect, m.from.ID, m.value, about}, to(p.Peer)})
	}
	return list
}

// deliver publishes a message and waits until that is done.
func (c *Chat) deliver(m *outgoing) (*receipt, error) {
	data, attach, err := store.EncodeValue(m.value)
	if err != nil {
		return nil, err
	}
	if m.digest == "" && m.chosen {
		m.digest = store.Digest(data)
	}
	ctx, cancel := c.context()
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
	if err == nil && m.place.Peer != "" && r.Online == nil {
		online := c.online(m.place.Peer)
		r.Online = &online
	}
	return r, err
}

// keep appends a message to its log. Every node hears of it in the order of the log, this one as well.
func (c *Chat) keep(ctx context.Context, m *outgoing, data []byte, attach bool) (*receipt, error) {
	if most := c.opts.MaxValue; len(data) > most {
		return nil, &rule.Error{Code: rule.CodeTooLarge, Message: fmt.Sprintf("the value has more than %d bytes", most), Details: map[string]any{"limit": most}}
	}
	if m.from.ID == "" { // the log knows no such sender
		if err := c.takeTurn(ctx, m); err != nil {
			return nil, err
		}
		m.slow = 0
	}
	a := &store.Append{
		Log: m.place.Log, Topics: m.place.Topics, Bounds: m.place.Policy.History, ID: m.id, Remember: -1, Digest: "-",
		User: m.from.ID, Name: m.from.Name, Event: m.event, Mentions: m.mentions, Value: data, Attach: attach, Origin: m.origin,
		Mark: m.from.ID != "", Slow: time.Duration(m.slow) * time.Second,
		Except: roomNames(m.except),
	}
	if m.chosen {
		a.Remember, a.Digest = c.opts.Idempotency, m.digest
	}
	if m.place.Peer == "" && c.tells(notice.MessagePublished, m.place) {
		a.Notice = noticeOf(m.place, m.from, toldOf(m))
	}
	kept, err := c.store.Append(ctx, a)
	if err != nil {
		return nil, err
	}
	r := &receipt{ID: kept.ID, At: kept.At, Seq: kept.Seq, Cursor: kept.Cursor, repeated: kept.Repeated}
	if kept.Repeated {
		return r, nil
	}
	c.tellPeers(m, &kept)
	if m.place.Peer != "" {
		c.seen(m, r)
		c.tellSent(ctx, m, r)
	}
	return r, nil
}

// once publishes a message that is not kept, unless the cluster has seen it.
func (c *Chat) once(ctx context.Context, m *outgoing, digest string) (*receipt, error) {
	key := m.sender + "\n" + m.place.Log + "\n" + m.id
	known, err := c.store.Begin(ctx, key, digest, c.opts.Idempotency)
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
	if err = c.takeTurn(ctx, m); err == nil {
		r, err = c.broadcast(m)
	}
	if err == nil {
		c.seen(m, r)
		c.tellSent(ctx, m, r)
		answer, _ = json.Marshal(r) // it cannot fail: there are texts and numbers
	}
	if finishErr := c.store.Finish(ctx, key, digest, answer, c.opts.Idempotency); err == nil && finishErr != nil {
		c.debug("the store does not know that a message was sent")
	}
	return r, err
}

// seen notes how many sockets of the recipient a message to a user went to.
func (c *Chat) seen(m *outgoing, r *receipt) {
	if m.place.Peer != "" {
		online := c.online(m.place.Peer)
		r.Online = &online
	}
}

// broadcast publishes a message that is not kept.
func (c *Chat) broadcast(m *outgoing) (*receipt, error) {
	r := &receipt{ID: m.id, At: rule.Now()}
	events := m.events(view.Meta{ID: r.ID, At: r.At, From: view.From(m.from)})
	outcome := make(chan error, len(events))
	for _, e := range events {
		c.send(e.event, e.to, func(err error) { outcome <- err })
	}
	for range events {
		if err := <-outcome; err != nil {
			return nil, err
		}
	}
	return r, nil
}

// online returns how many sockets a user has in the cluster.
func (c *Chat) online(user string) int {
	ctx, cancel := c.context()
	defer cancel()
	present, _, err := c.store.Lookup(ctx, rule.UserRoom(user), user)
	if err != nil {
		return 0
	}
	return present.Devices
}
