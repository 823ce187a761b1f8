package memory

import (
	"context"
	"fmt"
	"strings"

	"chorus/chat/notice"
	"chorus/chat/store"
)

// userRooms begins the rooms of users. Who is in one is online.
const userRooms = "user:"

// Notify implements store.Notices.
func (s *Store) Notify(_ context.Context, n *notice.Notice) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.note(n)
	return nil
}

// note tells back ends something. The mutex is held.
func (s *Store) note(n *notice.Notice) {
	if s.opts.Tell != nil && s.opts.Targets.Wants(n.Kind, n.Room) {
		s.opts.Tell(n)
	}
}

// notePresence tells that a user has come to a room, or has left it; count is the number of users then. The mutex is held.
func (s *Store) notePresence(room, id, name string, came bool, count int) {
	if s.opts.Tell == nil || strings.HasPrefix(room, "\x00") {
		return
	}
	who := notice.Member{Name: "user", Value: notice.User{ID: id, Name: name}}
	if user, ok := strings.CutPrefix(room, userRooms); ok {
		kind := notice.UserOffline
		if came {
			kind = notice.UserOnline
		}
		s.note(&notice.Notice{Kind: kind, User: user, Members: notice.Members(who), Fold: "online"})
		return
	}
	where, size := notice.Member{Name: "room", Value: room}, notice.Member{Name: "count", Value: count}
	one := &notice.Notice{Kind: notice.RoomJoined, Room: room, Members: notice.Members(who, where, size), Fold: "in\x00" + id}
	whole := &notice.Notice{Kind: notice.RoomOccupied, Room: room, Members: notice.Members(where, size), Fold: "occupied"}
	if came {
		if count == 1 {
			s.note(whole)
		}
		s.note(one)
		return
	}
	one.Kind, whole.Kind = notice.RoomLeft, notice.RoomVacated
	s.note(one)
	if count == 0 {
		s.note(whole)
	}
}

// noteMessage tells of a message; members are those of the notice up to the end of the message, and rest follows. The
// mutex is held.
func (s *Store) noteMessage(kind, room, members, rest string, seq int64, end store.Position) {
	if members == "" {
		return
	}
	s.note(&notice.Notice{Kind: kind, Room: room, Members: fmt.Sprintf(`%s%s,"seq":%d,"cursor":"%s"}`, members, rest, seq, end.Cursor())})
}

// noteChange tells of a change. The mutex is held.
func (s *Store) noteChange(l *log, m *message, c *store.Change) {
	switch {
	case c.Kind == store.KindEdit:
		s.noteMessage(notice.MessageEdited, c.Log, c.Notice, fmt.Sprintf(`,"version":%d,"editedAt":%d`, m.Version, m.EditedAt), m.Seq, l.end())
	case c.Kind == store.KindDelete:
		s.noteMessage(notice.MessageDeleted, c.Log, c.Notice, fmt.Sprintf(`,"at":%d`, m.DeletedAt), m.Seq, l.end())
	case c.Kind == store.KindExtend && !m.Open:
		value := "," + notice.Members(notice.Member{Name: "value", Value: string(m.Value)}, notice.Member{Name: "at", Value: m.At})
		s.noteMessage(notice.MessagePublished, c.Log, c.Notice, value, m.Seq, l.end())
	}
}
