package node

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"chorus/chat"
)

// devWay is the way of a message through the cluster. Times are milliseconds since 1970: page and nodes of a cluster for
// development share a clock.
type devWay struct {
	// Taken is when the first node had read and permitted it, Node is that node.
	Taken float64 `json:"taken"`
	Node  int     `json:"node"`
	// Accepted is when Redis had answered; 0 before.
	Accepted float64 `json:"accepted"`
	// Delivered is when each node had given it to its clients, by the number of the node.
	Delivered map[int]float64 `json:"delivered"`
}

// keptWays bounds how many are remembered: the console asks for the last one.
const keptWays = 100

// devWays remembers the ways of the last messages.
type devWays struct {
	mu    sync.Mutex
	byID  map[string]*devWay
	order []string // of byID, the oldest first
}

// watch notes what a node does with messages.
func (w *devWays) watch(node int, c *chat.Chat) {
	c.Before(func(_ context.Context, a *chat.Action) error {
		if a.Kind == chat.ActionPublish {
			w.note(a.ID, func(way *devWay) { way.Taken, way.Node = devNow(), node })
		}
		return nil
	})
	c.After(func(a *chat.Action, err error) {
		if a.Kind == chat.ActionPublish && err == nil {
			w.note(a.ID, func(way *devWay) { way.Accepted = devNow() })
		}
	})
	c.OnDelivered(func(_, id string) {
		w.note(id, func(way *devWay) { way.Delivered[node] = devNow() })
	})
}

func devNow() float64 { return float64(time.Now().UnixMicro()) / 1000 }

func (w *devWays) note(id string, change func(*devWay)) {
	if id == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	way := w.byID[id]
	if way == nil {
		if w.byID == nil {
			w.byID = make(map[string]*devWay)
		}
		if len(w.order) == keptWays {
			delete(w.byID, w.order[0])
			w.order = w.order[1:]
		}
		way = &devWay{Delivered: map[int]float64{}}
		w.byID[id], w.order = way, append(w.order, id)
	}
	change(way)
}

// find returns what is known of a message.
func (w *devWays) find(id string) (devWay, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	way := w.byID[id]
	if way == nil {
		return devWay{}, errors.New("this message is not known any more")
	}
	found := *way
	found.Delivered = maps.Clone(way.Delivered)
	return found, nil
}
