package redis

import (
	"context"
	"strings"

	"chorus/chat/notice"
	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

// What presence and messages tell.
var (
	roomKinds = []string{notice.RoomOccupied, notice.RoomJoined, notice.RoomLeft, notice.RoomVacated}
	userKinds = []string{notice.UserOnline, notice.UserOffline}
	noticeOf  = map[store.Kind]string{store.KindEdit: notice.MessageEdited, store.KindDelete: notice.MessageDeleted, store.KindExtend: notice.MessagePublished}
)

// userRooms begins the rooms of users. Who is in one is online.
const userRooms = "user:"

// spec says to a script whom to tell of these kinds; "" when nobody wants them. All that concerns a room, or the room of a
// user, is counted there.
func (s *Store) spec(kinds []string, room, user string) string {
	to := s.opts.Targets.Spec(s.opts.Prefix, kinds, room)
	if len(to) == 0 {
		return ""
	}
	spec := notice.Spec{Subject: notice.Subject(room, user), Seq: s.keys.Of("seq", seqName(room, user)), Room: room, To: to}
	if s.outbox != nil {
		spec.Out = s.keys.Of("out", seqName(room, user))
	}
	return spec.Text()
}

// seqName is the room where the notices about a room, or about a user, are counted.
func seqName(room, user string) string {
	if room == "" && user != "" {
		return userRooms + user
	}
	return room
}

// presenceSpec is the spec for who comes and goes. Rooms that no client can name are not told of.
func (s *Store) presenceSpec(room string) string {
	if s.opts.Targets == nil || strings.HasPrefix(room, "\x00") {
		return ""
	}
	if user, ok := strings.CutPrefix(room, userRooms); ok {
		return s.spec(userKinds, "", user)
	}
	return s.spec(roomKinds, room, "")
}

// messageSpec is the spec for a message.
func (s *Store) messageSpec(members, kind, room string) string {
	if members == "" {
		return ""
	}
	return s.spec([]string{kind}, room, "")
}

// tellScript: ARGV 1 kind, 2 fold, 3 members, 4 how many milliseconds a notice that is told once is remembered, 5 who is
// told. KEYS[1] is the memory of a notice that is told once.
var tellScript = redis.NewScript(notice.Lua + `
if ARGV[4] ~= '0' and not redis.call('SET', KEYS[1], '1', 'PX', ARGV[4], 'NX') then return 0 end
tell(ARGV[1], ARGV[2], ARGV[3])
return 1
`)

// onceFor is how long a notice that is told once is remembered, in milliseconds.
const onceFor = 10 * 60 * 1000

// Notify implements store.Notices.
func (s *Store) Notify(ctx context.Context, n *notice.Notice) error {
	spec := s.spec([]string{n.Kind}, n.Room, n.User)
	if spec == "" {
		return nil
	}
	name, once := seqName(n.Room, n.User), 0
	if n.Once != "" {
		once = onceFor
	}
	_, err := s.calls.Do(ctx, tellScript, []string{s.keys.Of("told", name) + ":" + n.Once}, n.Kind, n.Fold, n.Members, once, spec)
	if err == nil {
		s.relay(name)
	}
	return err
}

// relay has the notices about a room moved from its list to the streams, in a Redis Cluster.
func (s *Store) relay(room string) {
	if s.outbox != nil {
		s.outbox.Add(room)
	}
}
