package rule

import (
	"chorus/chat/store"
)

// Codes of what moderation forbids.
const (
	CodeMuted    = "muted"     // the user may not speak; {until, reason}
	CodeBanned   = "banned"    // the user may not be here; {until, reason}
	CodeFrozen   = "frozen"    // nobody may speak here
	CodeSlowMode = "slow_mode" // the user has to wait; {retry_after_ms}
)

// Barred returns the error for a user who is banned or muted.
func Barred(code, message string, bar *store.Bar) *Error {
	details := map[string]any{}
	if bar.Until > 0 {
		details["until"] = bar.Until
	}
	if bar.Reason != "" {
		details["reason"] = bar.Reason
	}
	return &Error{Code: code, Message: message, Details: details}
}

// RefusedBy returns the refusal of a user with this standing, nil for none. speaks is whether it is about saying something.
func RefusedBy(s *store.Standing, speaks bool) *Error {
	switch {
	case s.Ban != nil:
		return Barred(CodeBanned, "you are banned", s.Ban)
	case !speaks:
		return nil
	case s.Mute != nil:
		return Barred(CodeMuted, "you are muted", s.Mute)
	case s.Frozen:
		return &Error{Code: CodeFrozen, Message: "the room is frozen"}
	}
	return nil
}
