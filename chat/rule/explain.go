package rule

import (
	"context"
	"fmt"
	"strings"
	"time"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/event"
	"chorus/chat/shape"
	"chorus/chat/store"
)

// Explainer says who may do what, and which rule decides. It follows the rules that the chat product enforces.
type Explainer struct {
	// Rooms, Events and Open are those of Options.
	Rooms  []RoomPolicy
	Events []*event.Event
	Open   bool
	// Direct bounds what conversations of two keep, as DirectHistory of Options.
	Direct store.Bounds
	// Standing returns what moderation says about a user in a room; "" is everywhere.
	Standing func(ctx context.Context, room, user string) (store.Standing, error)
}

// Verdict says whether a user may do something, and why.
type Verdict struct {
	Action  string `json:"action"` // join, publish, history, presence, moderate, direct, or "event NAME"
	Allowed bool   `json:"allowed"`
	Code    string `json:"code,omitempty"` // of the refusal
	Why     string `json:"why"`            // the rule that decides
	Slow    int    `json:"slow,omitempty"` // seconds between two messages
}

// Room explains what a user may do in a room of which it is a member, or in a conversation, as "@bob", where the permission
// "direct" decides. Publishing stands for typing, reacting, appending, and changing one's own messages.
func (x *Explainer) Room(ctx context.Context, claims *auth.Claims, room string) ([]Verdict, error) {
	if err := CheckName(room); err != nil {
		return nil, BadRequest(err.Error())
	}
	if peer, talk := CutTalk(room); talk && CheckUser(peer) != nil {
		return nil, BadRequest(ErrUserID.Error())
	}
	p := x.place(claims, room)
	standing, err := x.Standing(ctx, p.Log, claims.Subject())
	if err != nil {
		return nil, err
	}
	moderate := x.in(claims, permission.Moderate, &p)
	publish := x.in(claims, permission.Publish, &p).unless(RefusedBy(&standing, true))
	if publish.Allowed && standing.Slow > 0 {
		if moderate.Allowed {
			publish.Why += fmt.Sprintf("; slow mode (%d s) is not for moderators", standing.Slow)
		} else {
			publish.Slow = standing.Slow
			publish.Why += fmt.Sprintf("; slow mode: one message in %d s", standing.Slow)
		}
	}
	noHistory, noPresence := "no pattern of chat.rooms gives the room a history", fmt.Sprintf("chat.rooms %q has presence: false", p.Policy.Match)
	if p.Peer != "" {
		noHistory, noPresence = "chat.direct.history keeps nothing", "a conversation does not tell who is there"
		moderate = moderate.unless(&Error{Code: refusal.CodeForbidden, Message: "nobody moderates a conversation"})
	}
	history := x.in(claims, permission.History, &p)
	if !p.Policy.History.Keeps() {
		history = history.unless(&Error{Code: CodeNoHistory, Message: noHistory})
	}
	presence := x.in(claims, permission.Presence, &p)
	if p.Peer != "" || p.Policy.NoPresence {
		presence = Verdict{Action: presence.Action, Code: refusal.CodeForbidden, Why: noPresence}
	}
	return []Verdict{
		x.in(claims, permission.Join, &p).unless(RefusedBy(&standing, false)), publish,
		history.unless(RefusedBy(&standing, false)), presence.unless(RefusedBy(&standing, false)), moderate,
	}, nil
}

// place returns what the user with a token names.
func (x *Explainer) place(claims *auth.Claims, name string) Place {
	policies := NewPolicies(x.Rooms, x.Direct)
	if peer, talk := CutTalk(name); talk {
		return policies.Talk(claims.Subject(), peer)
	}
	return policies.Room(name)
}

// in explains what the token permits in a place: one permission decides on all of a conversation.
func (x *Explainer) in(claims *auth.Claims, action permission.Action, p *Place) Verdict {
	peer, talk := CutTalk(p.Name)
	if !talk {
		return x.may(claims, action, p.Name)
	}
	user := claims.Subject()
	if x.Open {
		user = "" // it reads no tokens
	}
	v := x.may(claims, permission.Direct, "").unless(CheckTalk(user, peer))
	v.Action = string(action)
	return v
}

// Event explains whether a user may send a declared event; room is its first argument, where the event is about a room.
func (x *Explainer) Event(ctx context.Context, claims *auth.Claims, name, room string) (Verdict, error) {
	var e *event.Event
	for _, declared := range x.Events {
		if declared.Name == name && (e == nil || declared.Namespace == "/") {
			e = declared
		}
	}
	if e == nil {
		return Verdict{Action: "event " + name, Code: CodeUnknownEvent, Why: "events declares no such event"}, nil
	}
	v := x.may(claims, permission.Events, name)
	v.Action = "event " + name
	and := func(next Verdict, log string, speaks bool) error {
		if !v.Allowed {
			return nil
		}
		standing, err := x.Standing(ctx, log, claims.Subject())
		if err == nil {
			next = next.unless(RefusedBy(&standing, speaks))
			v.Allowed, v.Code, v.Why = next.Allowed, next.Code, v.Why+"; "+next.Action+": "+next.Why
			if !v.Allowed {
				v.Why = next.Action + ": " + next.Why
			}
		}
		return err
	}
	var err error
	if e.Join != "" {
		into := x.place(claims, firstArgument(room).named(&e.JoinName))
		err = and(x.in(claims, permission.Join, &into), into.Log, false)
	}
	switch e.To {
	case event.Everyone, event.Others:
		err = firstOf(err, and(x.may(claims, permission.Broadcast, ""), "", true))
	case event.User:
		err = firstOf(err, and(x.may(claims, permission.Direct, ""), "", true))
	case event.Room:
		into := x.place(claims, firstArgument(room).named(&e.RoomName))
		err = firstOf(err, and(x.in(claims, permission.Publish, &into), into.Log, true))
	}
	if v.Allowed && e.Rate > 0 {
		v.Why += fmt.Sprintf("; at most %g a second from a connection", e.Rate)
	}
	return v, err
}

func firstOf(a, b error) error {
	if a != nil {
		return a
	}
	return b
}

// may explains what the token permits.
func (x *Explainer) may(claims *auth.Claims, action permission.Action, name string) Verdict {
	v := Verdict{Action: string(action)}
	if x.Open {
		v.Allowed, v.Why = true, "the node has no key and permits everything (--insecure)"
		return v
	}
	v.Why, v.Allowed = claims.Decide(action, name).Rule(), Permits(claims, action, name)
	if !v.Allowed {
		v.Code = refusal.CodeForbidden
	}
	return v
}

// unless is the verdict with a refusal that comes after the token.
func (v Verdict) unless(refused *Error) Verdict {
	if !v.Allowed || refused == nil {
		return v
	}
	v.Allowed, v.Code, v.Why = false, refused.Code, refused.Message
	if until, ok := refused.Details["until"].(int64); ok {
		v.Why += " until " + time.UnixMilli(until).UTC().Format(time.RFC3339)
	}
	if reason, ok := refused.Details["reason"].(string); ok {
		v.Why += ": " + reason
	}
	return v
}

// firstArgument gives the values of a template that names a room.
type firstArgument string

// Value implements shape.Values.
func (room firstArgument) Value(p shape.Placeholder) any {
	if p.Kind == shape.Arg {
		return string(room)
	}
	return nil
}

func (room firstArgument) named(s *shape.Shape) string {
	name, _ := s.Text(room)
	return strings.TrimSpace(name)
}
