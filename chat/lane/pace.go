package lane

import (
	"maps"
	"sync"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// pace bounds how often a connection hears of texts: one that is in several rooms in which somebody writes hears of them
// in turns.
type pace struct {
	mu   sync.Mutex
	last map[*Lane]time.Time      // in which a text was told
	told map[socket.SocketId]told // sockets that heard of a text, while there are several such rooms
}

type told struct {
	at time.Time
	by *Lane
}

// wait returns how long a room has to wait before its sockets may hear of another text, 0 or less for not at all: then
// they are about to hear of it.
func (p *pace) wait(l *Lane) time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	now := time.Now()
	old := func(at time.Time) bool { return now.Sub(at) >= RollUp }
	maps.DeleteFunc(p.last, func(other *Lane, at time.Time) bool { return other != l && now.Sub(at) > 2*RollUp })
	if p.last == nil {
		p.last = make(map[*Lane]time.Time)
	}
	if _, here := p.last[l]; len(p.last) == 0 || len(p.last) == 1 && here {
		p.last[l], p.told = now, nil
		return 0
	}
	p.last[l] = now
	sockets := l.all.opts.Namespace.Adapter().Sockets(types.NewSet(socket.Room(l.Topic))).Keys()
	for _, id := range sockets {
		if last := p.told[id]; last.by != nil && last.by != l && !old(last.at) {
			return max(RollUp-now.Sub(last.at), time.Millisecond)
		}
	}
	maps.DeleteFunc(p.told, func(_ socket.SocketId, last told) bool { return old(last.at) })
	if p.told == nil {
		p.told = make(map[socket.SocketId]told)
	}
	for _, id := range sockets {
		p.told[id] = told{now, l}
	}
	return 0
}
