package auth

import (
	"reflect"
	"slices"
	"strings"
)

// row is what a field of Permissions says about one action.
type row struct {
	action Action
	path   string // in the claim and below auth.defaults, as "rooms.join"
	index  []int  // of the field
	isList bool   // of patterns; else a bool
	isRoom bool   // the patterns are those of rooms
}

// actions are the rows of Permissions, in their order.
var actions = rowsOf(reflect.TypeFor[Permissions](), "", nil)

func rowsOf(t reflect.Type, prefix string, index []int) []row {
	var rows []row
	for i := range t.NumField() {
		field := t.Field(i)
		path, at := prefix+field.Tag.Get("yaml"), append(slices.Clone(index), i)
		if field.Type.Kind() == reflect.Struct {
			rows = append(rows, rowsOf(field.Type, path+".", at)...)
			continue
		}
		rows = append(rows, row{
			action: Action(field.Tag.Get("action")), path: path, index: at,
			isList: field.Type.Kind() == reflect.Slice, isRoom: strings.HasPrefix(path, "rooms."),
		})
	}
	return rows
}

func rowOf(action Action) *row {
	for i := range actions {
		if actions[i].action == action {
			return &actions[i]
		}
	}
	return nil
}

// members returns the names that an object of the claim may have; prefix is its path with a dot behind, or empty.
func members(prefix string) []string {
	var names []string
	for _, row := range actions {
		if rest, ok := strings.CutPrefix(row.path, prefix); ok {
			name, _, _ := strings.Cut(rest, ".")
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
