package rule

// The events of the chat product. Clients hear "message", "publish", "direct", "typing" and "presence" as well; "left"
// they only hear.
const (
	EventMessage  = "message"  // a value for everybody
	EventJoin     = "join"     // enter a room
	EventLeave    = "leave"    // leave a room
	EventPublish  = "publish"  // a value for the members of a room
	EventDirect   = "direct"   // a value for a user
	EventHistory  = "history"  // what was said in a room
	EventTyping   = "typing"   // who types in a room
	EventPresence = "presence" // who is in a room
	EventStatus   = "status"   // what others see of a user besides the name
	EventLeft     = "left"     // a room that the client is not in any more, and why

	EventAppend     = "append"
	EventAppended   = "appended"
	EventEdit       = "edit"
	EventEdited     = "edited"
	EventDelete     = "delete"
	EventDeleted    = "deleted"
	EventReact      = "react"
	EventReacted    = "reacted"
	EventRead       = "read"
	EventUnread     = "unread"
	EventRooms      = "rooms"
	EventModeration = "moderation"
	EventReport     = "report"
	EventReported   = "reported"
	EventModerated  = "moderated"
)
