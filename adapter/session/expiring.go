package session

import (
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// expiring holds something about sessions whose clients have gone, each for a while, and not too many: with
// one more than max the oldest goes. Its user guards it.
type expiring[V any] struct {
	max   int
	byPid map[socket.PrivateSessionId]*lasting[V]
	order []*lasting[V] // the oldest first, with some that are not in byPid any more
}

type lasting[V any] struct {
	value V
	pid   socket.PrivateSessionId
	ends  time.Time
}

func newExpiring[V any](limit int) *expiring[V] {
	return &expiring[V]{max: limit, byPid: make(map[socket.PrivateSessionId]*lasting[V])}
}

// put keeps a value until then, in the place of the last of the same session, and returns how many others
// were dropped before their time because there are too many.
func (e *expiring[V]) put(pid socket.PrivateSessionId, value V, ends time.Time) (dropped uint64) {
	e.drop(pid)
	entry := &lasting[V]{value, pid, ends}
	e.byPid[pid] = entry
	e.order = append(e.order, entry)
	e.expire()
	for len(e.byPid) > e.max {
		dropped += e.shift()
	}
	return dropped
}

// get returns what is kept of a session, nil when that is nothing.
func (e *expiring[V]) get(pid socket.PrivateSessionId) *lasting[V] {
	if entry := e.byPid[pid]; entry != nil && time.Now().Before(entry.ends) {
		return entry
	}
	return nil
}

func (e *expiring[V]) drop(pid socket.PrivateSessionId) {
	if entry := e.byPid[pid]; entry != nil {
		delete(e.byPid, pid)
		var none V
		entry.value = none // it is freed, its place in the order later
	}
}

// expire drops what has ended, and shortens the order when most of it is not there any more.
func (e *expiring[V]) expire() {
	now := time.Now()
	for len(e.order) > 0 && (e.byPid[e.order[0].pid] != e.order[0] || now.After(e.order[0].ends)) {
		e.shift()
	}
	if len(e.order) < 2*len(e.byPid)+64 {
		return
	}
	there := make([]*lasting[V], 0, len(e.byPid))
	for _, entry := range e.order {
		if e.byPid[entry.pid] == entry {
			there = append(there, entry)
		}
	}
	e.order = there
}

// shift takes the first out of the order, and returns 1 if it was still there.
func (e *expiring[V]) shift() uint64 {
	first := e.order[0]
	e.order[0] = nil
	e.order = e.order[1:]
	if e.byPid[first.pid] != first {
		return 0
	}
	delete(e.byPid, first.pid)
	return 1
}
