package event

// Recipients says who hears an event.
type Recipients string

// Who may hear an event.
const (
	Nobody   Recipients = ""         // the event only replies, joins, leaves, or asks the hook
	Everyone Recipients = "everyone" // every socket of the namespace
	Others   Recipients = "others"   // every socket of the namespace but the sender's
	Room     Recipients = "room"     // the sockets of a room
	User     Recipients = "user"     // all sockets of a user, and the sender's other ones
	Self     Recipients = "self"     // all sockets of the sender's user
)

// Declaration declares one event. Texts may hold placeholders, see package shape.
type Declaration struct {
	// Namespace of the event; empty for "/".
	Namespace string
	// Name of the event, as clients emit it.
	Name string
	// To says who hears it. It is optional when the event replies, joins, leaves, or asks the hook.
	To Recipients
	// Room is the one that hears the event with To Room; empty for the first argument, "{0}".
	Room string
	// User is the one who hears the event with To User; empty for the first argument, "{0}".
	User string
	// Join is a room that the sender joins; empty for none.
	Join string
	// Leave is a room that the sender leaves; empty for none.
	Leave string
	// As is the name that receivers hear; empty for Name.
	As string
	// Shape builds the one value that receivers hear; nil hands the arguments on unchanged.
	Shape any
	// Reply is an event for the sending socket alone; nil for none.
	Reply *Reply
	// Ack are further members of the acknowledgement. "ok" and "error" are not permitted.
	Ack map[string]any
	// ExceptSender leaves the sending socket out.
	ExceptSender bool
	// Volatile drops the event for a client that does not keep up.
	Volatile bool
	// Latest is the slot of a client that does not keep up, in which a newer event takes the place of an older one;
	// empty for none. Several events may share a slot.
	Latest string
	// History keeps the event in the history of its room. It needs To Room.
	History bool
	// Schema is a JSON Schema (2020-12) of the array of arguments, as text; empty for none.
	Schema []byte
	// MaxSize is the largest size of the arguments as JSON, in bytes; 0 for no limit of its own.
	MaxSize int64
	// Rate is how many a connection may send in a second; 0 for no limit of its own.
	Rate float64
	// Burst is how many may come at once; 0 for the Rate rounded up.
	Burst int
	// Hook asks the authorise hook.
	Hook bool
}

// Reply is what the sender's socket alone hears.
type Reply struct {
	As    string
	Shape any
}
