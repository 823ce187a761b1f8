package chat

import (
	"context"
	"errors"
	"fmt"
	"time"

	"chorus/chat/notice"
)

// Store keeps the state of the chat product. Packages chat/memory and chat/redis implement it, with the same bounds and
// the same behaviour. All methods are safe for concurrent use; they return ErrUnavailable soon when Redis is away.
type Store interface {
	Feed
	Log
	Once
	Presence
	Markers
	Moderation
	Placements
	Notices

	// Start gives the store the receiver of what it publishes. It is called once, before all other methods.
	Start(Sink)

	// Close ends the goroutines. The users of this node leave when its lease in the registry ends. It is idempotent.
	Close(context.Context) error
}

// Errors of a store.
var (
	// ErrUnavailable means that Redis does not answer: nothing was done, or nobody knows.
	ErrUnavailable = errors.New("chat: redis is not available")
	// ErrNotFound means that the log does not have the message, or has it no more.
	ErrNotFound = errors.New("chat: no such message")
	// ErrNotOwner means that the message is another user's.
	ErrNotOwner = errors.New("chat: the message is another user's")
	// ErrBadCursor means that a text is not a cursor.
	ErrBadCursor = errors.New("chat: not a cursor")
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

// Notices tell back ends what happens.
type Notices interface {
	// Notify puts a notice into the queues of those who want it. Presence and messages with a Notice need no call: the
	// store does it in the same step.
	Notify(ctx context.Context, n *notice.Notice) error
}

// Feed brings what is published to the nodes that follow it.
type Feed interface {
	// Follow has the Sink receive everything of a topic that is published after Follow has returned. Calls are counted:
	// a topic that was followed twice has to be unfollowed twice.
	Follow(ctx context.Context, topic string) error
	Unfollow(topic string)

	// Signal sends data to the Sinks of all nodes that follow a topic, this one included. It never blocks, and may be
	// lost. Signals wait in a queue of their own and do not delay anything else.
	Signal(topic string, data []byte)
}

// Sink receives what a node follows. The store calls it from one goroutine; it must not block.
type Sink interface {
	// Logged receives a message or a change of one, in the order of its log, once.
	Logged(*Record)

	// Present receives a change of the users of a room, in order.
	Present(room string, change *PresenceChange)

	// Barred receives a topic whose bars have changed; "" is everywhere.
	Barred(topic string)

	// Signalled receives a signal.
	Signalled(topic string, data []byte)

	// Lost receives a topic of which something was missed for good.
	Lost(topic string)
}

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
	MaxBytes     int64 // extend: of the whole text
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

// Once has a thing done once over the cluster.
type Once interface {
	// Begin returns nil and nil when the caller has to do it and then calls Finish, or the answer of who did it before.
	// It waits while another does it, for 10 s at most. Another digest is a ConflictError.
	Begin(ctx context.Context, key, digest string, keep time.Duration) (answer []byte, err error)

	// Finish keeps the answer. A nil answer means that it failed: the next one may try.
	Finish(ctx context.Context, key, digest string, answer []byte, keep time.Duration) error
}

// Member is a user as a token describes it.
type Member struct{ User, Name string }

// Present is a user in a room.
type Present struct {
	User    string
	Name    string
	Since   int64 // milliseconds since 1970
	Devices int   // sockets; 0 within the grace after the last one has left
	Data    []byte
}

// PresenceChange is what is new about the users of a room.
type PresenceChange struct {
	Joined, Changed []Present
	Left            []string
	Names           map[string]string // of those in Left, by id
	Count           int
	Reset           bool // something was missed: read the list
}

// PresencePage is a part of the list of users, by id.
type PresencePage struct {
	Users []Present
	Next  string // "" at the end
	Count int
}

// Presence knows which users are in which room, over the cluster.
type Presence interface {
	// Enter adds a socket of this node. It returns the number of users. Entering again changes nothing.
	Enter(ctx context.Context, room, socket string, who Member) (count int, err error)

	// Leave removes a socket. The user leaves with the last one, after the grace unless a socket enters meanwhile.
	Leave(ctx context.Context, room, socket string, grace time.Duration) (count int, err error)

	// List reads the users of a room. A limit of 0 reads the count alone.
	List(ctx context.Context, room, cursor string, limit int) (PresencePage, error)

	// Lookup returns a user in a room; false for none. A user within the grace is there with 0 devices.
	Lookup(ctx context.Context, room, user string) (Present, bool, error)

	// SetStatus sets the data of a user in a room, or with the room "" in all rooms that the user is in or enters; nil
	// removes it.
	SetStatus(ctx context.Context, user, room string, data []byte) error
}

// Unread is what a user has not read of a log.
type Unread struct {
	Log      string
	Unread   int64
	Mentions int64
	Read     int64 // the marker
	Last     int64 // seq of the newest message
}

// Markers know up to where each user has read.
type Markers interface {
	// Read moves a marker forward and returns what is unread then. A seq beyond the end stands for the end.
	Read(ctx context.Context, user, log string, seq int64) (Unread, error)

	// Forget removes a marker.
	Forget(ctx context.Context, user, log string) error

	// Unread returns the named logs, or with none named all in which the user has a marker, by name.
	Unread(ctx context.Context, user string, logs []string) ([]Unread, error)
}

// Bar keeps a user from speaking (mute) or from being in a room (ban).
type Bar struct {
	Action string // "mute" or "ban"
	User   string
	Until  int64 // milliseconds since 1970; 0 for no end
	Reason string
	By     string
	At     int64
}

// Standing is what moderation says about a user in a room.
type Standing struct {
	Mute, Ban *Bar // in force, from the room or from everywhere
	Slow      int  // seconds between messages; 0 for off
	Frozen    bool
}

// Report is a message that a user finds wrong.
type Report struct {
	ID, By, Reason string
	At             int64
}

// ModerationPage is the state of a room. Next is "" at the end of the bars.
type ModerationPage struct {
	Bars    []Bar
	Slow    int
	Frozen  bool
	Reports []Report // newest first, with the first page
	Next    string
}

// Rule is a change of moderation. Exactly one of its members is set.
type Rule struct {
	Bar    *Bar // puts a bar in force
	Lift   *Bar // ends the one with this Action and User
	Slow   *int
	Frozen *bool
	Report *Report
}

// Moderation knows who may not speak or be somewhere; the room "" stands for everywhere.
type Moderation interface {
	// SetRule changes what is in force, on every node within a second.
	SetRule(ctx context.Context, room string, r Rule) error

	// Standing returns what is in force for a user in a room. It asks Redis only about rooms that this node does not
	// follow.
	Standing(ctx context.Context, room, user string) (Standing, error)

	// Turn takes the turn to speak in slow mode, or returns how long the user has to wait.
	Turn(ctx context.Context, room, user string, slow int) (wait time.Duration, err error)

	// Rules reads the state of a room.
	Rules(ctx context.Context, room, cursor string, limit int) (ModerationPage, error)
}

// Placements are the rooms into which the program puts the sockets of a user that are still to come.
type Placements interface {
	// Place has the sockets of a user that come within a time join a room; 0 ends that.
	Place(ctx context.Context, user, room string, within time.Duration) error

	// Placed returns these rooms.
	Placed(ctx context.Context, user string) ([]string, error)
}
