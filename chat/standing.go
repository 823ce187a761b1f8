package chat

import (
	"context"
	"errors"
	"time"
)

// Codes of what moderation forbids.
const (
	CodeMuted    = "muted"     // the user may not speak; {until, reason}
	CodeBanned   = "banned"    // the user may not be here; {until, reason}
	CodeFrozen   = "frozen"    // nobody may speak here
	CodeSlowMode = "slow_mode" // the user has to wait; {retry_after_ms}
)

// barred is the refusal of a user whom a bar keeps out or silent.
func barred(code, message string, bar *Bar) *Error {
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
func (cl *client) standing(ctx context.Context, p place) (Standing, error) {
	standing, err := cl.chat.store.Standing(ctx, p.log, cl.presenceID())
	if errors.Is(err, ErrUnavailable) && !p.policy.History.keeps() {
		return Standing{}, nil
	}
	return standing, err
}

// notBanned returns the refusal of a client whom a ban keeps out of a place.
func (cl *client) notBanned(ctx context.Context, p place) error {
	standing, err := cl.standing(ctx, p)
	if err != nil {
		return err
	}
	if standing.Ban != nil {
		return barred(CodeBanned, "you are banned", standing.Ban)
	}
	return nil
}

// notMuted returns the refusal of a client that may not speak in a place.
func (cl *client) notMuted(ctx context.Context, p place) error {
	standing, err := cl.standing(ctx, p)
	switch {
	case err != nil:
		return err
	case standing.Ban != nil:
		return barred(CodeBanned, "you are banned", standing.Ban)
	case standing.Mute != nil:
		return barred(CodeMuted, "you are muted", standing.Mute)
	case standing.Frozen:
		return &Error{Code: CodeFrozen, Message: "the room is frozen"}
	}
	return nil
}

// outside is the refusal of a client that is not in a room: who is banned is told so.
func (ca *call) outside(ctx context.Context, p place) error {
	if standing, err := ca.standing(ctx, p); err == nil && standing.Ban != nil {
		return barred(CodeBanned, "you are banned", standing.Ban)
	}
	return notJoined(p.name)
}

// takeTurn takes the client's turn in slow mode, which is not for moderators.
func (ca *call) takeTurn(p place) error {
	ctx, cancel := ca.chat.context()
	defer cancel()
	standing, err := ca.standing(ctx, p)
	if err != nil || standing.Slow <= 0 || ca.moderates(p) {
		return err
	}
	wait, err := ca.chat.store.Turn(ctx, p.log, ca.presenceID(), standing.Slow)
	if err != nil || wait <= 0 {
		return err
	}
	return &Error{Code: CodeSlowMode, Message: "the room is in slow mode: wait", Details: map[string]any{"retry_after_ms": int64(wait/time.Millisecond) + 1}}
}
