package webhook

import (
	"context"
	"time"
)

// Event is what a target is told.
type Event struct {
	Pos     string // in the queue; grows
	ID      string // stays the same however often it is sent
	Kind    string
	At      int64  // when it happened, in milliseconds since 1970
	Seq     int64  // of the room or user that it concerns
	Subject string // that room or user; events with the same one keep their order
	Fold    string // the state that it is about; "" for none
	Data    string // the members of its data without seq, as JSON between the braces
}

// Queue holds the events of one target until they are delivered. One node of a cluster at a time delivers them.
type Queue interface {
	// Hold takes the right to deliver, with begin, or keeps it. It must be called again within Lease.
	Hold(ctx context.Context, begin bool) (State, error)

	// Next returns events that were not returned since the right was taken, in order and without their Data.
	// It waits for a moment when there is none.
	Next(ctx context.Context, limit int) ([]Event, error)

	// Load reads the data of events. Those that are gone, because they were folded or dropped, are nil.
	Load(ctx context.Context, events []*Event) ([]*Event, error)

	// Settle keeps an outcome.
	Settle(ctx context.Context, o *Outcome) error

	// Release gives the right to deliver back.
	Release(ctx context.Context) error
}

// Lease is how long the right to deliver lasts.
const Lease = 5 * time.Second

// State is what Hold returns.
type State struct {
	Held    bool
	Off     bool // the target has answered 410, and nothing is sent
	Dropped int  // events that were dropped and that the target was not told of
}

// Outcome is what became of events.
type Outcome struct {
	Delivered, Folded, Dead []*Event

	Failure string // why the last request failed; "" for not at all
	Off     bool   // the target wants no more events
	Told    int    // of State.Dropped, which the target is told of now
}

// Admin looks at the queue of a target, and repairs it.
type Admin interface {
	// Name returns the name of the target.
	Name() string

	// Status returns how it is.
	Status(ctx context.Context) (Status, error)

	// Dead lists events that were given up, the oldest first.
	Dead(ctx context.Context, q DeadQuery) (DeadPage, error)

	// Redeliver puts dead events back into the queue, and returns how many.
	Redeliver(ctx context.Context, q Redelivery) (int, error)

	// Enable ends that the target is off.
	Enable(ctx context.Context) error

	// Test puts an event of the kind webhook.test into the queue, and returns its id.
	Test(ctx context.Context) (id string, err error)
}

// Status is how the queue of a target is.
type Status struct {
	Name      string     `json:"name"`
	Backlog   int        `json:"backlog"`          // events that wait
	Bytes     int64      `json:"bytes"`            // that they take, about
	Oldest    *time.Time `json:"oldest,omitempty"` // when the oldest of them happened
	Dead      int        `json:"dead"`
	Off       *time.Time `json:"off,omitempty"` // since when the target is off
	Delivered int64      `json:"delivered"`
	Failed    int64      `json:"failed"`  // requests
	Folded    int64      `json:"folded"`  // events that a later one made unnecessary
	Dropped   int64      `json:"dropped"` // events
	Error     string     `json:"error,omitempty"`
	ErrorAt   *time.Time `json:"error_at,omitempty"`
	Node      string     `json:"node,omitempty"` // that delivers
}

// DeadEvent is an event that was given up.
type DeadEvent struct {
	ID     string    `json:"id"`
	Type   string    `json:"type"`
	At     time.Time `json:"at"`
	Died   time.Time `json:"died"`
	Reason string    `json:"reason,omitempty"`
}

// DeadQuery says which dead events to list.
type DeadQuery struct {
	Cursor string
	Limit  int // default 100
}

// DeadPage is a part of the list. Next is "" at the end.
type DeadPage struct {
	Events []DeadEvent `json:"events"`
	Next   string      `json:"next,omitempty"`
}

// Redelivery says which dead events to deliver: those with these ids, or those that happened between two times, or all.
type Redelivery struct {
	IDs   []string
	Since time.Time // zero for no bound
	Until time.Time
	All   bool
}

// Definite reports whether exactly one of ids, times and all says which events.
func (r *Redelivery) Definite() bool {
	ids, ranged := len(r.IDs) > 0, !r.Since.IsZero() || !r.Until.IsZero()
	if r.All {
		return !ids && !ranged
	}
	return ids != ranged
}

// Bounds of what is dead.
const (
	deadFor  = 7 * 24 * time.Hour
	deadMost = 10_000
)
