package rule

import (
	"context"
	"errors"
	"fmt"

	"chorus/adapter"
	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/refusal"
	"chorus/chat/store"
)

// Codes of refused requests, besides those of package auth.
const (
	CodeBadRequest         = "bad_request"         // the arguments are not those of the request
	CodeUnknownEvent       = "unknown_event"       // nobody handles this event; {events} names those that are handled
	CodeNotJoined          = "not_joined"          // the client is not in the room
	CodeNotFound           = "not_found"           // there is no such message
	CodeConflict           = "conflict"            // the same id was used for something else
	CodeTooLarge           = "too_large"           // the value is too large; {limit} in bytes
	CodeTooManyRooms       = "too_many_rooms"      // the client is in as many rooms as it may be
	CodeInvalidValue       = "invalid_value"       // values do not fit the schema of a declared event; {path} says which one
	CodeKicked             = "kicked"              // a moderator has put the client out
	CodeNoHistory          = "no_history"          // the room keeps no history
	CodeRateLimited        = "rate_limited"        // too many requests; {retry_after_ms}
	CodeLimitReached       = "limit_reached"       // the server holds as much of this as it may; {limit}
	CodeClusterUnavailable = "cluster_unavailable" // Redis does not answer
	CodeOverloaded         = "overloaded"          // too much waits for Redis
	CodeInternal           = "internal_error"      // a fault of the server
)

// Error is a refusal as the client gets it: {ok: false, error: {code, message, ...}}.
type Error = auth.RequestError

// BadRequest refuses arguments that are not those of the request.
func BadRequest(message string) *Error { return &Error{Code: CodeBadRequest, Message: message} }

// Refusal returns what a client gets to know of an error. totalOrder is whether a message that Redis does not accept reaches
// nobody.
func Refusal(err error, totalOrder bool) *Error {
	reached := "only clients of this node got it"
	if totalOrder {
		reached = "nobody got it"
	}
	var refused *Error
	var conflict *store.ConflictError
	var limit *store.LimitError
	var slow *store.SlowError
	var large *store.TooLargeError
	switch {
	case errors.As(err, &refused):
		return refused
	case errors.Is(err, adapter.ErrOverflow):
		return &Error{Code: CodeOverloaded, Message: "too many messages wait for Redis: " + reached}
	case errors.Is(err, adapter.ErrUnavailable), errors.Is(err, adapter.ErrClosed):
		return &Error{Code: CodeClusterUnavailable, Message: "Redis is not available: " + reached}
	case errors.As(err, &conflict):
		details := map[string]any{}
		if conflict.Version > 0 {
			details["version"] = conflict.Version
		}
		return &Error{Code: CodeConflict, Message: conflict.Reason, Details: details}
	case errors.As(err, &slow):
		return &Error{Code: CodeSlowMode, Message: "the room is in slow mode: wait", Details: map[string]any{"retry_after_ms": slow.Wait.Milliseconds() + 1}}
	case errors.As(err, &large):
		return &Error{Code: CodeTooLarge, Message: large.What, Details: map[string]any{"limit": large.Limit}}
	case errors.Is(err, store.ErrValue):
		return BadRequest("the value cannot be kept")
	case errors.As(err, &limit):
		return &Error{Code: CodeLimitReached, Message: fmt.Sprintf("at most %d %s", limit.Limit, limit.What), Details: map[string]any{"limit": limit.Limit}}
	case errors.Is(err, store.ErrOverloaded):
		return &Error{Code: CodeOverloaded, Message: "too much waits for Redis: nothing was done"}
	case errors.Is(err, store.ErrBadCursor):
		return BadRequest("this is not a cursor")
	case errors.Is(err, store.ErrNotFound):
		return &Error{Code: CodeNotFound, Message: "there is no such message"}
	case errors.Is(err, store.ErrUnavailable), errors.Is(err, context.DeadlineExceeded), errors.Is(err, context.Canceled):
		return &Error{Code: CodeClusterUnavailable, Message: "Redis is not available: nobody knows whether it was done"}
	}
	return &Error{Code: CodeInternal, Message: "the server could not handle this request"}
}

// NotJoined refuses a client that is not in a room.
func NotJoined(room string) *Error {
	return &Error{Code: CodeNotJoined, Message: "join the room first", Details: map[string]any{"room": room}}
}

// NoHistory refuses what needs the history of a place that keeps none.
func NoHistory(p Place) *Error {
	return &Error{Code: CodeNoHistory, Message: "the room keeps no history", Details: map[string]any{"room": p.Name}}
}

// NeedsUser is the refusal of a client without a user in what needs one.
func NeedsUser(p Place) *Error {
	return &Error{Code: refusal.CodeForbidden, Message: "this needs a token with a subject", Details: map[string]any{"action": string(permission.Publish), "room": p.Name}}
}
