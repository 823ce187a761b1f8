package permission

import (
	"reflect"
	"slices"
	"strings"
)

// Action is something that a token may or may not permit.
type Action string

// The names of the actions. Each is the tag of a row of [Table].
const (
	Broadcast Action = "broadcast" // send to everybody
	Direct    Action = "direct"    // send to one user
	Join      Action = "join"      // be in a room and receive its messages
	Publish   Action = "publish"   // send to a room
	Presence  Action = "presence"  // see who is in a room
	History   Action = "history"   // read the past messages of a room
	Moderate  Action = "moderate"  // mute, ban, correct others in a room
	Events    Action = "events"    // send a declared event
	API       Action = "api"       // use a scope of the HTTP API
)

// Actions returns all actions, in the order of the table.
func Actions() []Action {
	list := make([]Action, len(rows))
	for i, row := range rows {
		list[i] = row.action
	}
	return list
}

// IsAboutRoom reports whether the name that [Rules.Decide] takes is that of a room.
func (a Action) IsAboutRoom() bool {
	row := rowOf(a)
	return row != nil && row.isRoom
}

// HasPatterns reports whether names are permitted by patterns. The other actions are permitted or not.
func (a Action) HasPatterns() bool {
	row := rowOf(a)
	return row != nil && row.isList
}

// row is what a field of Table says about one action.
type row struct {
	action       Action
	path         string // in the claim and below auth.defaults, as "rooms.join"
	index        []int  // of the field
	isList       bool   // of patterns; else a bool
	isRoom       bool   // the patterns are those of rooms
	defaultValue string // "*", "true", or empty for nothing
}

// rows are the rows of Table, in their order.
var rows = rowsOf(reflect.TypeFor[Table](), "", nil)

func rowsOf(t reflect.Type, prefix string, index []int) []row {
	var list []row
	for i := range t.NumField() {
		field := t.Field(i)
		path, at := prefix+field.Tag.Get("yaml"), append(slices.Clone(index), i)
		if field.Type.Kind() == reflect.Struct {
			list = append(list, rowsOf(field.Type, path+".", at)...)
			continue
		}
		list = append(list, row{
			action: Action(field.Tag.Get("action")), path: path, index: at,
			isList: field.Type.Kind() == reflect.Slice, isRoom: strings.HasPrefix(path, "rooms."),
			defaultValue: field.Tag.Get("default"),
		})
	}
	return list
}

func rowOf(action Action) *row {
	for i := range rows {
		if rows[i].action == action {
			return &rows[i]
		}
	}
	return nil
}

// members returns the names that an object of the claim may have. prefix is the path of the object and a dot, or empty.
func members(prefix string) []string {
	var names []string
	for _, row := range rows {
		if rest, ok := strings.CutPrefix(row.path, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
