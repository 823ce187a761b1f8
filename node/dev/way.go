package dev

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"chorus/chat"
)

// messageWay is the way of a message through the cluster. Times are milliseconds since 1970: page and nodes of a cluster for
// development share a clock.
type messageWay struct {
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

// ways remembers the ways of the last messages.
type ways struct {
	mu    sync.Mutex
	byID  map[string]*messageWay
	order []string // of byID, the oldest first
}

// watch notes what a node does with messages.
func (w *ways) watch(node int, c *chat.Chat) {
	c.Before(func(_ context.Context, a *chat.Action) error {
		if a.Kind == chat.ActionPublish {
			w.note(a.ID, func(way *messageWay) { way.Taken, way.Node = now(), node })
		}
		return nil
	})
	c.After(func(a *chat.Action, err error) {
		if a.Kind == chat.ActionPublish && err == nil {
			w.note(a.ID, func(way *messageWay) { way.Accepted = now() })
		}
	})
	c.OnDelivered(func(_, id string) {
		w.note(id, func(way *messageWay) { way.Delivered[node] = now() })
	})
}

func now() float64 { return float64(time.Now().UnixMicro()) / 1000 }

func (w *ways) note(id string, change func(*messageWay)) {
	if id == "" {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	way := w.byID[id]
	if way == nil {
		if w.byID == nil {
			w.byID = make(map[string]*messageWay)
		}
		if len(w.order) == keptWays {
			delete(w.byID, w.order[0])
			w.order = w.order[1:]
		}
		way = &messageWay{Delivered: map[int]float64{}}
		w.byID[id], w.order = way, append(w.order, id)
	}
	change(way)
}

// find returns what is known of a message.
func (w *ways) find(id string) (messageWay, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	way := w.byID[id]
	if way == nil {
		return messageWay{}, errors.New("this message is not known any more")
	}
	found := *way
	found.Delivered = maps.Clone(way.Delivered)
	return found, nil
}
