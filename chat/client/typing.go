package client

import (
	"encoding/json"
	"time"

	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/codec"
)

// maxTypingIn is in how many rooms a client types at a time.
const maxTypingIn = 16

// typing notes that the client types in a room, or has stopped.
func (c *Clients) typing(ca *Call) error {
	p, err := ca.Place(rule.EventTyping)
	if err != nil {
		return err
	}
	on, err := codec.Arg[bool](rule.EventTyping, ca.Args, 1)
	if err != nil {
		return rule.BadRequest("typing: the second argument is not true or false")
	}
	if err := ca.MaySpeak(p); err != nil {
		return err
	}
	if err := ca.setTyping(p, on); err != nil {
		return err
	}
	ca.OK(nil)
	return nil
}

// typist is a client that types in a room. It lasts until the last signal about it was sent.
type typist struct {
	client *Client
	place  rule.Place
	on     bool      // what the client said last
	until  time.Time // when that ends by itself
	told   bool      // what the cluster was told last
	sent   time.Time // when
	timer  *time.Timer
}

// setTyping notes what the client says about itself.
func (cl *Client) setTyping(p rule.Place, on bool) error {
	now := time.Now()
	cl.mu.Lock()
	defer cl.mu.Unlock()
	t := cl.typing[p.Name]
	switch {
	case t == nil && !on || cl.gone:
		return nil
	case t == nil && len(cl.typing) >= maxTypingIn:
		return &rule.Error{Code: rule.CodeLimitReached, Message: "a client may type in few rooms at a time", Details: map[string]any{"limit": maxTypingIn}}
	case t == nil:
		t = &typist{client: cl, place: p}
		if cl.typing == nil {
			cl.typing = make(map[string]*typist)
		}
		cl.typing[p.Name] = t
	}
	t.on, t.until = on, now.Add(cl.all.Options.Typing)
	t.settle(now)
	return nil
}

// settle tells the cluster what it does not know, no sooner than typingSpacing after the last time, and again from time
// to time while it lasts; cl.mu is held.
func (t *typist) settle(now time.Time) {
	if t.on && !now.Before(t.until) {
		t.on = false
	}
	lifetime := t.client.all.Options.Typing
	due := t.told != t.on || t.on && now.Sub(t.sent) >= lifetime
	if due && now.Sub(t.sent) >= lane.TypingSpacing {
		t.told, t.sent, due = t.on, now, false
		t.client.all.signalTyping(t)
	}
	var wait time.Duration
	switch {
	case due:
		wait = lane.TypingSpacing - now.Sub(t.sent)
	case t.on:
		wait = min(t.until.Sub(now), lifetime-now.Sub(t.sent))
	default:
		t.end()
		return
	}
	if t.timer == nil {
		t.timer = time.AfterFunc(max(wait, time.Millisecond), t.wake) // ends with end
	} else {
		t.timer.Reset(max(wait, time.Millisecond))
	}
}

func (t *typist) wake() {
	t.client.mu.Lock()
	defer t.client.mu.Unlock()
	if t.client.typing[t.place.Name] == t {
		t.settle(time.Now())
	}
}

// end forgets a typist that has nothing more to send; cl.mu is held.
func (t *typist) end() {
	delete(t.client.typing, t.place.Name)
	if t.timer != nil {
		t.timer.Stop()
	}
}

// stopTyping ends what the client types in a room, or everywhere with ""; cl.mu is held.
func (cl *Client) stopTyping(room string) {
	for name, t := range cl.typing {
		if room != "" && name != room {
			continue
		}
		if t.told {
			t.on = false
			cl.all.signalTyping(t)
		}
		t.end()
	}
}

// signalTyping tells the nodes that follow the place. A user of a conversation hears of the other one.
func (c *Clients) signalTyping(t *typist) {
	s := lane.TypingSignal{Talk: t.place.Peer != "", Socket: string(t.client.Socket.Id()), ID: t.client.PresenceID(), Name: t.client.User().Name, On: t.on}
	data, _ := json.Marshal(s) // it cannot fail: there are texts
	topic := t.place.Log
	if s.Talk {
		topic = rule.UserRoom(t.place.Peer)
	}
	c.Store.Signal(topic, data)
}
