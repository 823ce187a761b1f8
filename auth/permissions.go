package auth

// DefaultPermissionsClaim is the claim that says what a token may do unless Options say otherwise.
const DefaultPermissionsClaim = "chorus"

// Permissions say what may be done. In a token they are a claim, named by Options.PermissionsClaim:
//
//	"chorus": {
//	  "broadcast": true,
//	  "rooms": {"join": ["lobby", "team-*"], "publish": ["lobby"], "presence": ["*"], "history": ["*"], "moderate": []},
//	  "direct": true,
//	  "events": ["*"],
//	  "api": ["publish", "disconnect"]
//	}
//
// What a token leaves out, be it a member or the whole claim, is taken from Options.Defaults; an empty
// list permits nothing. Anything else in the claim than these members with these types, null too,
// makes the token invalid: what is not understood must not grant anything.
//
// The lists hold patterns, of which one must match the whole name: "*" stands for any run of
// characters, also none, "?" for exactly one, and {sub} for the token's subject, of which no character
// is special. A backslash makes the next character stand for itself. In a token without sub, a pattern
// with {sub} matches nothing. Names are compared byte by byte.
//
// A room "user:SUB" belongs to the subject SUB. For others only a pattern that begins with "user:" opens it: "*" does
// not.
//
// This type is the table of the actions. A field with the tag action is one row: parsing, [Claims.Decide], the
// settings auth.defaults and what "chorus token check" prints follow from it.
type Permissions struct {
	// Broadcast permits sending to everybody.
	Broadcast bool `json:"broadcast" yaml:"broadcast" action:"broadcast" default:"true" help:"Sending to everybody, when the token does not say."`
	// Rooms permits what is done with rooms.
	Rooms RoomPermissions `json:"rooms" yaml:"rooms"`
	// Direct permits sending to one user.
	Direct bool `json:"direct" yaml:"direct" action:"direct" default:"true" help:"Sending to one user, when the token does not say."`
	// Events are patterns of the names of declared events that may be sent.
	Events []string `json:"events" yaml:"events" action:"events" default:"*" help:"Patterns of the declared events that a client may send, when the token does not say."`
	// API are the functions of the HTTP API that may be used.
	API []string `json:"api" yaml:"api" action:"api" empty:"none" help:"Functions of the HTTP API, when the token does not say."`
}

// RoomPermissions are patterns of the names of rooms.
type RoomPermissions struct {
	// Join are the rooms that may be entered.
	Join []string `json:"join" yaml:"join" action:"join" default:"*" help:"Patterns of the rooms that a client may join, when the token does not say."`
	// Publish are the rooms that may be sent to.
	Publish []string `json:"publish" yaml:"publish" action:"publish" default:"*" help:"Patterns of the rooms that a client may publish to, when the token does not say."`
	// Presence are the rooms of which the members may be seen.
	Presence []string `json:"presence" yaml:"presence" action:"presence" default:"*" help:"Patterns of the rooms whose members a client may see, when the token does not say."`
	// History are the rooms of which the past may be read.
	History []string `json:"history" yaml:"history" action:"history" default:"*" help:"Patterns of the rooms whose past a client may read, when the token does not say."`
	// Moderate are the rooms in which others may be muted, banned and corrected.
	Moderate []string `json:"moderate" yaml:"moderate" action:"moderate" empty:"none" help:"Patterns of the rooms that a client may moderate, when the token does not say."`
}

// DefaultPermissions returns what a token may do that says nothing, unless Options say otherwise:
// everything with every room but moderating it, sending to all and to each, every declared event, and nothing of
// the API.
func DefaultPermissions() Permissions {
	all := func() []string { return []string{"*"} }
	return Permissions{
		Broadcast: true,
		Rooms:     RoomPermissions{Join: all(), Publish: all(), Presence: all(), History: all()},
		Direct:    true,
		Events:    all(),
	}
}
