package store

import (
	"context"
	"time"
)

// Bounds are what a log keeps at most. Zero stands for no bound of that kind.
type Bounds struct {
	Messages int
	Age      time.Duration
	Bytes    int64
}

// Message is a message of a log in its latest state.
type Message struct {
	ID       string
	Seq      int64
	Cursor   string
	At       int64  // milliseconds since 1970, by the clock of the store
	User     string // the sender; "" is the system
	Name     string // of the sender
	Event    string // of a declared event; "" for publish
	Mentions []string
	Value    []byte // as given to Append; nil when deleted
	Attach   bool   // of the caller's: how Value is encoded

	// Text is set for a message that was written by Extend: Value is all its fragments. Open is set until it is done.
	Text, Open, Cancelled bool
	Length                int64 // of the text, as the caller counted

	Version   int64 // 1, and one more with each edit
	EditedAt  int64 // 0 for never
	Deleted   bool
	DeletedAt int64  // 0 for a message that is not deleted
	Purged    bool   // of a change: nothing but ID and Seq is left
	By        string // who edited or deleted it last
	Reactions []Reaction
}

// Reaction is how many users have reacted to a message with a key.
type Reaction struct {
	Key   string
	Count int
	Mine  bool // the user for whom the page was read is one of them
}

// Log keeps the messages of rooms. A log is named as its room, or, for a conversation of two, as the caller likes. A
// position in a log is one of a message or of a change; a cursor stands for one.
type Log interface {
	// Append adds a message and publishes it. The same id of the same user within Remember gives the same receipt, and
	// publishes nothing; with another digest it is a ConflictError.
	Append(ctx context.Context, a *Append) (Receipt, error)

	// Change edits, deletes, reacts to or extends a message and publishes that.
	Change(ctx context.Context, c *Change) (Changed, error)

	// Page reads messages, and with Since the changes of older ones.
	Page(ctx context.Context, log string, q PageQuery) (Page, error)

	// Purge removes messages and all that belongs to them, and publishes that.
	Purge(ctx context.Context, log string, p Purge) (removed int, err error)

	// EachLog calls fn with the name of every log, at least once, until it returns an error.
	EachLog(ctx context.Context, fn func(log string) error) error
}

// Append describes a message.
type Append struct {
	Log      string
	Topics   []string // which followers receive it; a node that follows several of them receives it once
	Bounds   Bounds
	ID       string        // 1 to 64 characters A-Z a-z 0-9 _ - .
	Remember time.Duration // for how long the id is remembered; 0 for the default, negative for an id that nobody else has
	Digest   string        // of what was said; at most 64 characters, no space
	User     string
	Name     string
	Event    string
	Mentions []string
	Value    []byte
	Attach   bool
	Text     bool // Value is the first fragment of a text that Extend goes on with
	Open     bool
	Length   int64
	Origin   string        // the sender's socket; comes back in the Record and is not kept
	Mark     bool          // moves the marker of User to the message, as Read does
	Slow     time.Duration // of slow mode: a new message takes the turn of User, or is a SlowError
	Except   []string      // rooms whose sockets do not hear it; as Origin

	// Notice has the members of what back ends are told, up to the end of those of the message, which the store
	// completes; "" for nothing.
	Notice string
}

// Receipt says where a message stands in its log.
type Receipt struct {
	ID       string
	At       int64
	Seq      int64
	Pos      int64
	Cursor   string
	Epoch    string
	Repeated bool // the message was there already
}

// Kind says what a Record or a Change is about.
type Kind string

// The kinds.
const (
	KindMessage Kind = "message"
	KindEdit    Kind = "edit"
	KindDelete  Kind = "delete"
	KindReact   Kind = "react"
	KindExtend  Kind = "extend"
	KindPurge   Kind = "purge"

	// KindState is a message that was changed while this node was not connected: its state now, whatever happened.
	KindState Kind = "state"
)

// Change describes a change of a message.
type Change struct {
	Log       string
	Topics    []string
	Bounds    Bounds
	Kind      Kind
	ID        string
	User      string // who changes it
	Moderator bool   // may edit and delete messages of others
	Origin    string

	Notice  string // as in Append
	Value   []byte // edit: the new value; extend: the fragment
	Attach  bool   // edit
	Version int64  // edit: the one that must be in force; 0 for any

	Key string // react
	On  bool

	Name, Event  string // extend: of a message that does not exist yet and begins with this
	Length       int64  // extend: of the fragment
	Done, Cancel bool
	MaxBytes     int64         // extend: of the whole text
	Slow         time.Duration // extend: as in Append, for the beginning of a text
}

// Changed is the outcome of a change. Message has no Value; its Reactions are for the user who made the change.
type Changed struct {
	Message
	Pos    int64
	Offset int64 // extend: length of the text before
	Noop   bool  // nothing was changed and nothing published: it was so already
}

// Record is what the feed brings of a log.
type Record struct {
	Kind   Kind
	Log    string
	Topics []string
	Epoch  string
	Pos    int64  // 1, 2, 3, ... over messages and changes
	Head   int64  // seq of the newest message at that moment
	Cursor string // of Pos
	At     int64  // when it happened
	By     string // who did it
	Origin string
	Except []string

	// Message is the message as it is then. Its Value is that of a new message, of an edit and of KindState, the
	// fragment of an extension, and else nil.
	Message

	Reacted     []any  // of package chat: several reactions that are told together
	Key         string // react: the key, with On and the Count of the key afterwards
	On          bool
	Count       int
	Offset      int64 // extend
	PurgedUser  string
	PurgedWhole bool
}

// PageQuery says what to read. At most one of Since, Before and After is set; with none of them the newest messages
// are read.
type PageQuery struct {
	Since    string // messages after it, oldest first, and changes of older ones after it
	Before   string
	After    string
	Limit    int    // at most 1,000; 0 reads no message, for the head of the log
	MaxBytes int    // 0 stands for 1 MB; one message is always read
	User     string // for Reaction.Mine
	Bounds   Bounds
}

// Page is a part of a log, read in one step.
type Page struct {
	Messages    []Message // oldest first
	Changes     []Message // oldest change first; Cursor is that of the change
	More        bool      // there are messages beyond the page, in the direction of reading
	Missed      bool      // what the cursor names is kept no more; Messages are then the newest
	First, Last string    // cursors of the page, "" when it is empty
	Cursor      string    // of the end of the page when More is set with Since or After, else of the head of the log
	Pos         int64     // of the head
	Head        int64     // seq of the newest message
	Epoch       string    // "" for a log without any message yet
}

// Purge says what to remove: one message, all of a user, or the whole log.
type Purge struct {
	ID     string
	User   string
	Whole  bool
	Topics []string
}

// Keeps reports whether anything is kept.
func (b Bounds) Keeps() bool { return b != Bounds{} }

// Author returns who made the change: a KindState has it in the message.
func (r *Record) Author() string {
	if r.By != "" {
		return r.By
	}
	return r.Message.By
}
