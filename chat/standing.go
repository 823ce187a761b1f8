package chat

import (
	"chorus/chat/store"
	"context"
	"errors"
)

// Codes of what moderation forbids.
const (
	CodeMuted    = "muted"     // the user may not speak; {until, reason}
	CodeBanned   = "banned"    // the user may not be here; {until, reason}
	CodeFrozen   = "frozen"    // nobody may speak here
	CodeSlowMode = "slow_mode" // the user has to wait; {retry_after_ms}
)

// barred is the refusal of a user whom a bar keeps out or silent.
func barred(code, message string, bar *store.Bar) *Error {
	details := map[string]any{}
	if bar.Until > 0 {
		details["until"] = bar.Until
	}
	if bar.Reason != "" {
		details["reason"] = bar.Reason
	}
	return &Error{Code: code, Message: message, Details: details}
}

// standing returns what moderation says about the client in a place. While Redis is away nobody knows, and nothing is
// in force.
func (cl *client) standing(ctx context.Context, p place) (store.Standing, error) {
	standing, err := cl.chat.store.Standing(ctx, p.log, cl.presenceID())
	if errors.Is(err, store.ErrUnavailable) && !p.policy.History.Keeps() {
		return store.Standing{}, nil
	}
	return standing, err
}

// refusedBy returns the refusal of a user with this standing, nil for none. speaks is whether it is about saying something.
func refusedBy(s *store.Standing, speaks bool) *Error {
	switch {
	case s.Ban != nil:
		return barred(CodeBanned, "you are banned", s.Ban)
	case !speaks:
		return nil
	case s.Mute != nil:
		return barred(CodeMuted, "you are muted", s.Mute)
	case s.Frozen:
		return &Error{Code: CodeFrozen, Message: "the room is frozen"}
	}
	return nil
}

// notBanned returns the refusal of a client whom a ban keeps out of a place.
func (cl *client) notBanned(ctx context.Context, p place) error { return cl.mayBeThere(ctx, p, false) }

// notMuted returns the refusal of a client that may not speak in a place.
func (cl *client) notMuted(ctx context.Context, p place) error { return cl.mayBeThere(ctx, p, true) }

func (cl *client) mayBeThere(ctx context.Context, p place, speaks bool) error {
	standing, err := cl.standing(ctx, p)
	if err != nil {
		return err
	}
	if refused := refusedBy(&standing, speaks); refused != nil {
		return refused
	}
	return nil
}

// mayTalk returns the refusal of a client that is muted or banned everywhere.
func (ca *call) mayTalk() error {
	ctx, cancel := ca.chat.context()
	defer cancel()
	return ca.notMuted(ctx, ca.chat.roomPlace(""))
}

// outside is the refusal of a client that is not in a room: who is banned is told so.
func (ca *call) outside(ctx context.Context, p place) error {
	if standing, err := ca.standing(ctx, p); err == nil && standing.Ban != nil {
		return barred(CodeBanned, "you are banned", standing.Ban)
	}
	return notJoined(p.name)
}

// slowness returns the seconds of slow mode that are in force for the client, which are none for moderators.
func (ca *call) slowness(p place) (seconds int, err error) {
	ctx, cancel := ca.chat.context()
	defer cancel()
	standing, err := ca.standing(ctx, p)
	if err != nil || standing.Slow <= 0 || ca.moderates(p) {
		return 0, err
	}
	return standing.Slow, nil
}

// takeTurn takes the turn of the sender of a message that is not kept; the log does it for one that is.
func (c *Chat) takeTurn(ctx context.Context, m *outgoing) error {
	if m.slow == 0 {
		return nil
	}
	wait, err := c.store.Turn(ctx, m.place.log, m.sender, m.slow)
	if err != nil || wait <= 0 {
		return err
	}
	return &store.SlowError{Wait: wait}
}
