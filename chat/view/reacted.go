package view

import (
	"slices"

	"chorus/chat/store"
)

// maxReactors is how many users an event about a reaction names; beyond, the count alone is told.
const maxReactors = 20

// Reaction is what became of one reaction of a message.
type Reaction struct {
	ID, Key, cursor string
	count           int
	added, removed  []string
	many            bool // too many to name
}

// Note adds a change of one user.
func (x *Reaction) Note(r *store.Record) {
	x.count, x.cursor = r.Count, r.Cursor
	if x.many {
		return
	}
	here, there := &x.added, &x.removed
	if !r.On {
		here, there = there, here
	}
	if i := slices.Index(*there, r.By); i >= 0 { // taken back
		*there = slices.Delete(*there, i, i+1)
	} else {
		*here = append(*here, r.By)
	}
	if len(x.added)+len(x.removed) > maxReactors {
		x.many, x.added, x.removed = true, nil, nil
	}
}

// Told returns the reaction as clients get it.
func (x *Reaction) Told() map[string]any {
	told := map[string]any{"id": x.ID, "key": x.Key, "count": x.count, "cursor": x.cursor}
	if !x.many {
		told["added"], told["removed"] = append([]string{}, x.added...), append([]string{}, x.removed...) // never null
	}
	return told
}
