package rooms

import (
	"container/heap"
	"slices"
	"strings"
)

// ListRooms returns the rooms of this server whose names begin with prefix and come after another name, in the order of
// their bytes, and how many sockets of this server are in each. The rooms of the ids of sockets are not among them, nor
// those whose names begin with a control character.
func (r *Local) ListRooms(prefix, after string, limit int) (names []string, sockets []int) {
	r.index.mu.RLock()
	defer r.index.mu.RUnlock()
	var first largest // the first ones so far, the last of them on top
	for room := range r.index.rooms {
		name := string(room)
		switch {
		case !strings.HasPrefix(name, prefix) || name <= after || name < " ":
		case len(first) < limit:
			heap.Push(&first, name)
		case limit > 0 && name < first[0]:
			first[0] = name
			heap.Fix(&first, 0)
		}
	}
	names = slices.Sorted(slices.Values(first))
	sockets = make([]int, len(names))
	for i, name := range names {
		sockets[i] = len(r.index.rooms[Room(name)].members)
	}
	return names, sockets
}

// largest is a heap with the largest text on top.
type largest []string

func (h largest) Len() int           { return len(h) }
func (h largest) Less(i, j int) bool { return h[i] > h[j] }
func (h largest) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }

// Push implements heap.Interface.
func (h *largest) Push(name any) {
	*h = append(*h, name.(string)) //nolint:errcheck,forcetypeassert // only texts are pushed
}

// Pop implements heap.Interface.
func (h *largest) Pop() any {
	last := (*h)[len(*h)-1]
	*h = (*h)[:len(*h)-1]
	return last
}
