package message

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"

	"chorus/chat/client"
	"chorus/chat/rule"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"golang.org/x/sync/errgroup"
)

// Dispatch is something that a program says, to any mix of clients. Each socket hears it once.
//
// With an Event the clients hear that event with Args. Without one the Value is heard as clients say it: rooms hear
// "publish" and keep it where they keep a history, users hear "direct", sockets and everyone "message".
type Dispatch struct {
	To, Except Target
	Event      string
	Args       []any // of Event: json.RawMessage or what encoding/json takes
	Value      any   // without Event
	// ID makes it idempotent: the same ID of the same From within Options.Idempotency is delivered once. Default a new one.
	ID string
	// From is who says it, as receivers see it; default the system.
	From     rule.User
	Mentions []string
}

// Sent says what became of a Dispatch.
type Sent struct {
	ID      string       `json:"id"`
	At      int64        `json:"at"` // milliseconds since 1970
	Results []SentResult `json:"results,omitempty"`
}

// SentResult is about one room or user to which a value was sent.
type SentResult struct {
	Room   string `json:"room,omitempty"`
	User   string `json:"user,omitempty"`
	Seq    int64  `json:"seq,omitempty"` // in rooms with history, as is Cursor
	Cursor string `json:"cursor,omitempty"`
	Online *int   `json:"online,omitempty"` // sockets of the user
}

// maxEventName bounds the name of an event in bytes.
const maxEventName = 255

// Send sends a Dispatch. While Redis is away it fails, and may be repeated with the same ID.
func (c *Messages) Send(ctx context.Context, e Dispatch) (*Sent, error) {
	if err := e.check(c.Options.MaxMentions); err != nil {
		return nil, err
	}
	if e.ID == "" {
		e.ID = rule.NewID()
		return c.sendNow(ctx, &e)
	}
	digest, err := e.digest()
	if err != nil {
		return nil, rule.BadRequest("the value cannot be encoded")
	}
	key := "send\n" + e.From.ID + "\n" + e.ID
	known, err := c.Store.Begin(ctx, key, digest, c.Options.Idempotency)
	if err != nil {
		return nil, err
	}
	if known != nil {
		var sent Sent
		err := json.Unmarshal(known, &sent)
		return &sent, err
	}
	sent, err := c.sendNow(ctx, &e)
	var answer []byte
	if err == nil {
		answer, _ = json.Marshal(sent) // it cannot fail: there are texts and numbers
	}
	if finishErr := c.Store.Finish(context.WithoutCancel(ctx), key, digest, answer, c.Options.Idempotency); err == nil && finishErr != nil {
		c.Debug("the store does not know that something was sent")
	}
	return sent, err
}

func (e *Dispatch) check(maxMentions int) error {
	if err := e.To.check(); err != nil {
		return err
	}
	if err := e.Except.check(); err != nil {
		return err
	}
	switch {
	case e.To.isEmpty():
		return rule.BadRequest("there is nobody to send to: name everyone, rooms, users or sockets")
	case e.Except.Everyone:
		return rule.BadRequest("except cannot be everyone")
	case e.ID != "" && !rule.MessageID.MatchString(e.ID):
		return rule.BadRequest("the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	case e.From.ID != "" && rule.CheckUser(e.From.ID) != nil:
		return rule.BadRequest("from: " + rule.ErrUserID.Error())
	case len(e.From.Name) > rule.MaxName:
		return rule.BadRequest(fmt.Sprintf("from: a name has at most %d bytes", rule.MaxName))
	case e.Event != "" && checkEventName(e.Event) != nil:
		return checkEventName(e.Event)
	}
	return checkMentions(e.Mentions, maxMentions)
}

// checkEventName returns why clients cannot hear an event of a name.
func checkEventName(name string) error {
	switch {
	case name == "" || len(name) > maxEventName || strings.ContainsFunc(name, unicode.IsControl):
		return rule.BadRequest(fmt.Sprintf("the name of an event has 1 to %d bytes and no control characters", maxEventName))
	case socket.SOCKET_RESERVED_EVENTS.Has(name):
		return rule.BadRequest("this name is reserved by Socket.IO")
	}
	return nil
}

// digest tells one dispatch from another.
func (e *Dispatch) digest() (string, error) {
	text, err := json.Marshal([]any{e.To, e.Except, e.Event, e.Args, e.Value, e.From, e.Mentions})
	return store.Digest(text), err
}

// sendNow sends without looking whether that was done before.
func (c *Messages) sendNow(ctx context.Context, e *Dispatch) (*Sent, error) {
	e.To.Rooms, e.To.Users, e.To.Sockets = unique(e.To.Rooms), unique(e.To.Users), unique(e.To.Sockets)
	sent := &Sent{ID: e.ID, At: rule.Now()}
	if e.Event != "" {
		return sent, c.sendEvent(ctx, e, sent.At)
	}
	s := &sending{chat: c, dispatch: e, sent: sent, heard: e.Except.rooms()}
	return sent, s.all(ctx)
}

// sendEvent sends an event of the program's own in one broadcast.
func (c *Messages) sendEvent(ctx context.Context, e *Dispatch, at int64) error {
	a := client.SystemAction(e.From, client.Action{Kind: client.ActionEvent, Event: e.Event, Args: e.Args, ID: e.ID, At: at})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	var rooms []socket.Room
	if !e.To.Everyone {
		rooms = e.To.rooms()
	}
	err := c.sendWait(ctx, append([]any{e.Event}, a.Args...), rooms, e.Except.rooms())
	c.TellHooks(a, err)
	return err
}

// sendWait broadcasts an event and waits until Redis has accepted it.
func (c *Messages) sendWait(ctx context.Context, event []any, rooms, except []socket.Room) error {
	outcome := make(chan error, 1)
	c.Emit(event, toRooms(rooms, except), func(err error) { outcome <- err })
	select {
	case err := <-outcome:
		return err
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}

// sending is a dispatch of a value on its way. heard are the rooms whose sockets have heard it.
type sending struct {
	chat     *Messages
	dispatch *Dispatch
	sent     *Sent
	heard    []socket.Room
}

func (s *sending) all(ctx context.Context) error {
	to := &s.dispatch.To
	for _, room := range to.Rooms {
		if err := s.room(ctx, room); err != nil {
			return err
		}
	}
	if len(to.Users) > 0 {
		if err := s.users(ctx); err != nil {
			return err
		}
	}
	if len(to.Sockets) > 0 {
		rooms := (&Target{Sockets: to.Sockets}).rooms()
		if err := s.message(ctx, rooms); err != nil {
			return err
		}
		s.heard = append(s.heard, rooms...)
	}
	if to.Everyone {
		return s.message(ctx, nil)
	}
	return nil
}

// message says the value as "message" to the sockets of some rooms, or to everybody.
func (s *sending) message(ctx context.Context, rooms []socket.Room) error {
	c, e := s.chat, s.dispatch
	a := client.SystemAction(e.From, client.Action{Kind: client.ActionMessage, Value: e.Value, ID: e.ID, At: s.sent.At})
	if err := c.AskHooks(a); err != nil {
		return err
	}
	event := []any{rule.EventMessage, a.Value}
	if c.Options.Meta {
		event = append(event, s.meta().Argument())
	}
	err := c.sendWait(ctx, event, rooms, s.heard)
	c.TellHooks(a, err)
	return err
}

func (s *sending) meta() view.Meta {
	return view.Meta{ID: s.sent.ID, At: s.sent.At, From: view.From(s.dispatch.From)}
}

// room publishes the value in a room.
func (s *sending) room(ctx context.Context, room string) error {
	r, err := s.publish(ctx, s.chat.Policies.Room(room), client.Action{Kind: client.ActionPublish, Room: room})
	if err != nil {
		return err
	}
	s.sent.Results = append(s.sent.Results, SentResult{Room: room, Seq: r.Seq, Cursor: r.Cursor})
	s.heard = append(s.heard, socket.Room(room))
	return nil
}

// publish says the value in a place.
func (s *sending) publish(ctx context.Context, p rule.Place, about client.Action) (*receipt, error) {
	c, e := s.chat, s.dispatch
	a := client.SystemAction(e.From, about)
	a.Value, a.ID, a.At = e.Value, e.ID, s.sent.At
	if err := c.AskHooks(a); err != nil {
		return nil, err
	}
	m := &Outgoing{Place: p, From: e.From, Sender: e.From.ID, ID: e.ID, mentions: e.Mentions, Value: a.Value, except: slices.Clone(s.heard)}
	var r *receipt
	var err error
	if m.direct() {
		r, err = s.broadcast(ctx, m)
	} else {
		r, err = c.keepValue(ctx, m)
	}
	if err == nil {
		a.At = r.At
	}
	c.TellHooks(a, err)
	return r, err
}

// keepValue is keep for a value that is not encoded yet.
func (c *Messages) keepValue(ctx context.Context, m *Outgoing) (*receipt, error) {
	data, attach, err := store.EncodeValue(m.Value)
	if err != nil {
		return nil, rule.BadRequest("the value cannot be kept")
	}
	m.chosen = true // a repetition finds it
	return c.keep(ctx, m, data, attach)
}

// broadcast sends a message that is not kept.
func (s *sending) broadcast(ctx context.Context, m *Outgoing) (*receipt, error) {
	for _, e := range m.events(s.meta()) {
		if err := s.chat.sendWait(ctx, e.event, keysOf(e.to.Rooms), append(keysOf(e.to.Except), m.except...)); err != nil {
			return nil, err
		}
	}
	return &receipt{ID: m.ID, At: s.sent.At}, nil
}

// maxLookups is how many users are looked up at the same time.
const maxLookups = 64

// users says the value to users.
func (s *sending) users(ctx context.Context) error {
	c, to := s.chat, s.dispatch.To.Users
	results := make([]SentResult, len(to))
	group, lookups := errgroup.WithContext(ctx)
	group.SetLimit(maxLookups)
	for i, user := range to {
		results[i].User = user
		group.Go(func() error {
			present, _, err := c.Store.Lookup(lookups, rule.UserRoom(user), user)
			results[i].Online = &present.Devices
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if s.dispatch.From.ID == "" {
		return s.system(ctx, results)
	}
	for i, user := range to {
		p := c.Policies.Talk(s.dispatch.From.ID, user)
		r, err := s.publish(ctx, p, client.Action{Kind: client.ActionDirect, Room: p.Name, To: user})
		if err != nil {
			return err
		}
		results[i].Seq, results[i].Cursor = r.Seq, r.Cursor
		s.heard = append(s.heard, socket.Room(rule.UserRoom(user)))
	}
	s.heard = append(s.heard, socket.Room(rule.UserRoom(s.dispatch.From.ID))) // it hears what it says
	s.sent.Results = append(s.sent.Results, results...)
	return nil
}

// system says the value to users in the name of nobody: no conversation keeps it, and the other one of the two is null.
func (s *sending) system(ctx context.Context, results []SentResult) error {
	c, e := s.chat, s.dispatch
	rooms := (&Target{Users: e.To.Users}).rooms()
	actions := make([]*client.Action, len(e.To.Users))
	value := e.Value
	for i, user := range e.To.Users {
		actions[i] = client.SystemAction(rule.User{}, client.Action{Kind: client.ActionDirect, To: user, Value: value, ID: e.ID, At: s.sent.At})
		if err := c.AskHooks(actions[i]); err != nil {
			return err
		}
	}
	err := c.sendWait(ctx, []any{rule.EventDirect, nil, value, s.meta().Argument()}, rooms, s.heard)
	for _, a := range actions {
		c.TellHooks(a, err)
	}
	s.heard = append(s.heard, rooms...)
	s.sent.Results = append(s.sent.Results, results...)
	return err
}
