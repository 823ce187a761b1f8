package notice

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// Target is a back end and what it wants.
type Target struct {
	Name   string
	Events []string // patterns of kinds; none: all but message.*
	Rooms  []string // patterns of rooms; none: all. Notices without a room are always wanted

	MaxBacklog int   // notices that may wait
	MaxBytes   int64 // bytes that may wait
}

// Targets know who wants what. A nil one has nobody.
type Targets struct {
	list  []Target
	kinds []map[string]bool
	rooms [][]*regexp.Regexp
}

// NewTargets returns targets. The error names an event that does not exist.
func NewTargets(list []Target) (*Targets, error) {
	t := &Targets{list: list}
	for _, target := range list {
		wanted := make(map[string]bool)
		for _, kind := range Kinds() {
			wanted[kind] = len(target.Events) == 0 && !strings.HasPrefix(kind, "message.")
		}
		for _, pattern := range target.Events {
			match, known := glob(pattern), false
			for kind := range wanted {
				if match.MatchString(kind) {
					wanted[kind], known = true, true
				}
			}
			if !known {
				return nil, fmt.Errorf("%q fits none of the events: %s", pattern, strings.Join(Kinds(), ", "))
			}
		}
		wanted[Dropped], wanted[Test] = true, true
		t.kinds = append(t.kinds, wanted)
		var rooms []*regexp.Regexp
		for _, pattern := range target.Rooms {
			rooms = append(rooms, glob(pattern))
		}
		t.rooms = append(t.rooms, rooms)
	}
	return t, nil
}

// glob makes an expression of a pattern, in which "*" stands for any characters and "?" for one.
func glob(pattern string) *regexp.Regexp {
	text := strings.NewReplacer(`\*`, ".*", `\?`, ".").Replace(regexp.QuoteMeta(pattern))
	return regexp.MustCompile("(?s)^" + text + "$") // the text is quoted
}

// Wants reports whether anybody wants a kind of notice about a room, or about none.
func (t *Targets) Wants(kind, room string) bool {
	if t == nil {
		return false
	}
	for i := range t.list {
		if t.kinds[i][kind] && t.hasRoom(i, room) {
			return true
		}
	}
	return false
}

// Wanting calls fn for each target that wants one of the kinds about a room, with those that it wants.
func (t *Targets) Wanting(kinds []string, room string, fn func(target *Target, kinds []string)) {
	if t == nil {
		return
	}
	for i := range t.list {
		if !t.hasRoom(i, room) {
			continue
		}
		wanted := slices.DeleteFunc(slices.Clone(kinds), func(kind string) bool { return !t.kinds[i][kind] })
		if len(wanted) > 0 {
			fn(&t.list[i], wanted)
		}
	}
}

func (t *Targets) hasRoom(i int, room string) bool {
	return room == "" || len(t.rooms[i]) == 0 || slices.ContainsFunc(t.rooms[i], func(r *regexp.Regexp) bool { return r.MatchString(room) })
}
