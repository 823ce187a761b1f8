package store

import (
	"errors"
	"fmt"
	"time"
)

// Errors of a store.
var (
	// ErrOverloaded means that too many operations wait for Redis.
	ErrOverloaded = errors.New("chat: too many operations wait for redis")
	// ErrUnavailable means that Redis does not answer: nothing was done, or nobody knows.
	ErrUnavailable = errors.New("chat: redis is not available")
	// ErrNotFound means that the log does not have the message, or has it no more.
	ErrNotFound = errors.New("chat: no such message")
	// ErrNotOwner means that the message is another user's.
	ErrNotOwner = errors.New("chat: the message is another user's")
	// ErrBadCursor means that a text is not a cursor.
	ErrBadCursor = errors.New("chat: not a cursor")
	// ErrReported means that the user has reported the message before, and that this report is kept.
	ErrReported = errors.New("chat: the user has reported this message")
	// ErrValue means that a value cannot be kept.
	ErrValue = errors.New("chat: the value cannot be kept")
)

// ConflictError means that the state is another than the caller takes it for.
type ConflictError struct {
	Version int64 // of the message in force, where that is the reason
	Reason  string
}

func (e *ConflictError) Error() string { return "chat: conflict: " + e.Reason }

// SlowError means that a user has to wait before the next message.
type SlowError struct{ Wait time.Duration }

func (e *SlowError) Error() string { return fmt.Sprintf("chat: slow mode: wait %s", e.Wait) }

// LimitText is the Key of a LimitError about a text that is written by Extend.
const LimitText = "text"

// LimitError means that a bound of the store is reached.
type LimitError struct {
	Limit int64
	What  string // what there is too much of
	Key   string // short, for metrics
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("chat: at most %d %s", e.Limit, e.What)
}

// TooManyReactionKeys is the error of a message that has as many different reactions as it may.
func TooManyReactionKeys(most int) error {
	return &LimitError{Limit: int64(most), What: "different reactions to a message", Key: "reaction_keys"}
}

// TooManyReactions is the error of a message that has as many reactions as it may.
func TooManyReactions(most int) error {
	return &LimitError{Limit: int64(most), What: "reactions to a message", Key: "reactions"}
}

// TooLargeError means that something has more than a bound permits.
type TooLargeError struct {
	Limit int64
	What  string // what is too large, and the bound, for people
}

func (e *TooLargeError) Error() string { return e.What }
