package event

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"chorus/chat/shape"
)

// ErrDeclaration is wrapped by every error of Compile.
var ErrDeclaration = errors.New("event declaration")

// reserved are the names that the protocol and the library keep for themselves
// (https://socket.io/docs/v4/emit-cheatsheet/#reserved-events).
var reserved = []string{"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}

// tokenEvents are those of authentication, of the life of a token and of the connection.
var tokenEvents = []string{
	"authenticate", "authenticated", "unauthorized", "token:refresh", "token:expiring", "token:expired", "token:revoked",
	"connection:replaced", "server:draining", "cluster:degraded", "cluster:restored",
}

const (
	maxName  = 255  // bytes
	maxEvent = 1000 // declared events of all namespaces
)

// Event is a declaration that was checked. It never changes, so it is safe for concurrent use.
type Event struct {
	Declaration

	RoomName, UserName, JoinName, LeaveName shape.Shape
	Value                                   *shape.Shape // nil: the arguments pass unchanged
	ReplyValue                              *shape.Shape // nil: the reply has no value
	AckValues                               map[string]shape.Shape

	schema *schema // nil for none
}

// Heard returns the name that receivers hear.
func (e *Event) Heard() string {
	if e.As != "" {
		return e.As
	}
	return e.Name
}

// Compile checks declarations. Its error joins all that is wrong, each part naming its event and member.
func Compile(declarations []Declaration) ([]*Event, error) {
	var events []*Event
	var errs []error
	if len(declarations) > maxEvent {
		errs = append(errs, fmt.Errorf("%w: %d events are declared, at most %d are possible", ErrDeclaration, len(declarations), maxEvent))
	}
	type key struct{ namespace, name string }
	seen := make(map[key]bool)
	for _, d := range declarations {
		if d.Namespace == "" {
			d.Namespace = "/"
		}
		e, err := compile(d)
		if err == nil && seen[key{d.Namespace, d.Name}] {
			err = errors.New("declared twice in one namespace")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("%w %q: %w", ErrDeclaration, d.Name, err))
			continue
		}
		seen[key{d.Namespace, d.Name}] = true
		events = append(events, e)
	}
	return events, errors.Join(errs...)
}

func compile(d Declaration) (*Event, error) {
	e := &Event{Declaration: d}
	return e, errors.Join(checkName("the name", d.Name), e.checkAs(), e.checkMembers(), e.parseShapes(), e.parseSchema())
}

func checkName(what, name string) error {
	switch {
	case name == "" || len(name) > maxName:
		return fmt.Errorf("%s must have 1 to %d bytes", what, maxName)
	case slices.Contains(reserved, name):
		return fmt.Errorf("%s %q is reserved by Socket.IO", what, name)
	case slices.Contains(tokenEvents, name):
		return fmt.Errorf("%s %q is an event of Chorus that cannot be declared", what, name)
	}
	return nil
}

func (e *Event) checkAs() error {
	var errs []error
	if e.As != "" {
		errs = append(errs, checkName("as:", e.As))
	}
	if e.Reply != nil {
		errs = append(errs, checkName("reply.as:", e.Reply.As))
	}
	return errors.Join(errs...)
}

func (e *Event) checkMembers() error {
	var errs []error
	fail := func(format string, args ...any) { errs = append(errs, fmt.Errorf(format, args...)) }
	known := []Recipients{Everyone, Others, Room, User, Self}
	switch {
	case e.To == Nobody && e.Reply == nil && e.Join == "" && e.Leave == "" && !e.Hook:
		fail("to: say who hears it (everyone, others, room, user or self), or give it reply, join, leave or hook")
	case e.To != Nobody && !slices.Contains(known, e.To):
		fail("to: %q is none of everyone, others, room, user and self", e.To)
	}
	if e.Room != "" && e.To != Room {
		fail("room: it needs to: room")
	}
	if e.User != "" && e.To != User {
		fail("user: it needs to: user")
	}
	if e.History && e.To != Room {
		fail("history: it needs to: room")
	}
	if e.History && e.Volatile {
		fail("history: a volatile event is not kept")
	}
	if !strings.HasPrefix(e.Namespace, "/") {
		fail("namespace: %q must begin with /", e.Namespace)
	}
	if e.MaxSize < 0 {
		fail("max_size: it must not be negative")
	}
	if e.Rate < 0 || math.IsNaN(e.Rate) || math.IsInf(e.Rate, 0) || e.Burst < 0 {
		fail("rate: it must not be negative")
	}
	for _, member := range []string{"ok", "error"} {
		if _, taken := e.Ack[member]; taken {
			fail("ack.%s: this member of the acknowledgement is the server's", member)
		}
	}
	return errors.Join(errs...)
}

func (e *Event) parseShapes() error {
	var errs []error
	parse := func(member string, value any) (s shape.Shape) {
		s, err := shape.Parse(value)
		if err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", member, err))
		}
		return s
	}
	orFirst := func(text string) string {
		if text == "" {
			return "{0}"
		}
		return text
	}
	e.RoomName, e.UserName = parse("room", orFirst(e.Room)), parse("user", orFirst(e.User))
	e.JoinName, e.LeaveName = parse("join", e.Join), parse("leave", e.Leave)
	if e.Shape != nil {
		s := parse("shape", e.Shape)
		e.Value = &s
	}
	if e.Reply != nil && e.Reply.Shape != nil {
		s := parse("reply.shape", e.Reply.Shape)
		e.ReplyValue = &s
	}
	e.AckValues = make(map[string]shape.Shape, len(e.Ack))
	for _, member := range slices.Sorted(maps.Keys(e.Ack)) {
		e.AckValues[member] = parse("ack."+member, e.Ack[member])
	}
	// What names a room or a user is known before anything is counted.
	for member, s := range map[string]shape.Shape{"room": e.RoomName, "user": e.UserName, "join": e.JoinName, "leave": e.LeaveName} {
		for _, p := range s.Placeholders() {
			switch p.Kind {
			case shape.Room, shape.Count, shape.Users, shape.Online, shape.ID, shape.At, shape.Args:
				errs = append(errs, fmt.Errorf("%s: only arguments and the sender can name a room or a user, as {0}, {sub}, {name} and {claim:PATH} do", member))
			}
		}
	}
	return errors.Join(errs...)
}

// Counts lists the placeholders of the event that say who is in a room or online, which take a question to the
// cluster.
func (e *Event) Counts() []shape.Placeholder {
	var all []shape.Placeholder
	for _, s := range []*shape.Shape{e.Value, e.ReplyValue} {
		if s != nil {
			all = append(all, s.Placeholders()...)
		}
	}
	for _, s := range e.AckValues {
		all = append(all, s.Placeholders()...)
	}
	return slices.DeleteFunc(all, func(p shape.Placeholder) bool {
		return p.Kind != shape.Count && p.Kind != shape.Users && p.Kind != shape.Online
	})
}
