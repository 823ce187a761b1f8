// Package permission is the table of what tokens permit, and the rules that follow from it.
//
// An action is one row: a field of [Table] with its name, its path in the claim, its default and a sentence. Parsing of
// the claim, decisions, the settings auth.defaults, "chorus token check" and the check of the table in docs/tokens.md
// follow from the row.
package permission

import "reflect"

// DefaultClaim is the claim that holds the permissions of a token, unless the options of a verifier name another one.
const DefaultClaim = "chorus"

// Table is the table of the actions. In a token it is a claim:
//
//	"chorus": {
//	  "broadcast": true,
//	  "rooms": {"join": ["lobby", "team-*"], "publish": ["lobby"], "presence": ["*"], "history": ["*"], "moderate": []},
//	  "direct": true,
//	  "events": ["*"],
//	  "api": ["publish", "disconnect"]
//	}
//
// A member that the token leaves out, or the whole claim, comes from the defaults. An empty list permits nothing.
// Any other member or type in the claim, null too, makes the token invalid: a claim that is not understood must grant
// nothing.
//
// The lists hold patterns. One of them must match the whole name: "*" stands for any run of characters, also none, "?"
// for exactly one, and {sub} for the subject of the token, in which no character is special. A backslash takes the
// special meaning from the next character. In a token without sub, a pattern with {sub} matches nothing. Names are
// compared byte by byte.
//
// A room "user:SUB" belongs to the subject SUB. For others only a pattern that begins with "user:" opens it: "*" does
// not.
type Table struct {
	Broadcast bool     `json:"broadcast" yaml:"broadcast" action:"broadcast" default:"true" help:"Sending to everybody, when the token does not say."`
	Rooms     Rooms    `json:"rooms" yaml:"rooms"`
	Direct    bool     `json:"direct" yaml:"direct" action:"direct" default:"true" help:"Sending to one user, when the token does not say."`
	Events    []string `json:"events" yaml:"events" action:"events" default:"*" help:"Patterns of the declared events that a client may send, when the token does not say."`
	API       []string `json:"api" yaml:"api" action:"api" empty:"none" help:"Scopes of the HTTP API that a client may use, when the token does not say."`
}

// Rooms are the actions that are about a room.
type Rooms struct {
	Join     []string `json:"join" yaml:"join" action:"join" default:"*" help:"Patterns of the rooms that a client may join, when the token does not say."`
	Publish  []string `json:"publish" yaml:"publish" action:"publish" default:"*" help:"Patterns of the rooms that a client may publish to, when the token does not say."`
	Presence []string `json:"presence" yaml:"presence" action:"presence" default:"*" help:"Patterns of the rooms whose members a client may see, when the token does not say."`
	History  []string `json:"history" yaml:"history" action:"history" default:"*" help:"Patterns of the rooms whose past a client may read, when the token does not say."`
	Moderate []string `json:"moderate" yaml:"moderate" action:"moderate" empty:"none" help:"Patterns of the rooms that a client may moderate, when the token does not say."`
}

// Defaults returns what a token permits that says nothing, unless the options of a verifier say otherwise: the
// defaults of the rows.
func Defaults() Table {
	var t Table
	for _, row := range rows {
		field := reflect.ValueOf(&t).Elem().FieldByIndex(row.index)
		switch {
		case row.defaultValue == "":
		case row.isList:
			field.Set(reflect.ValueOf([]string{row.defaultValue}))
		default:
			field.SetBool(row.defaultValue == "true")
		}
	}
	return t
}
