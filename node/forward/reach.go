package forward

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"chorus/registry"
)

// States of the links to the other nodes.
const (
	StateOK          = "ok"
	StateOff         = "off"
	StateUnreachable = "unreachable"
)

// Times of the probes.
const (
	probeInterval = 5 * time.Second
	maxProbes     = 16          // at a time
	suspectFor    = time.Second // a node that could not be reached is not tried again for this time
)

// reach knows which nodes this one reaches.
type reach struct {
	first chan struct{} // closed when the first probe has ended; nil before Start

	mu    sync.Mutex
	state string
	nodes map[string]*reached // by id
}

type reached struct {
	ok        bool      // it was reached at least once
	barred    bool      // it was probed and never reached
	suspectTo time.Time // it could not be reached a moment ago
}

// start is called before the first probe.
func (r *reach) start() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.first, r.state = make(chan struct{}), StateUnreachable
}

func (r *reach) of(id string) *reached {
	n := r.nodes[id]
	if n == nil {
		n = &reached{}
		r.nodes[id] = n
	}
	return n
}

// may reports whether it makes sense to try a node.
func (r *reach) may(id string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	n := r.nodes[id]
	return n == nil || !n.barred && time.Now().After(n.suspectTo)
}

func (r *reach) reached(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*r.of(id) = reached{ok: true}
}

func (r *reach) failed(id string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.of(id).suspectTo = time.Now().Add(suspectFor)
}

// State returns whether requests are passed on: StateOK, StateOff, or StateUnreachable when this node cannot
// reach itself at its address, or one of the others. Just after the start it waits for the first probe.
func (f *Forwarder) State(ctx context.Context) string {
	f.reach.mu.Lock()
	first := f.reach.first
	f.reach.mu.Unlock()
	if first == nil {
		return StateOff
	}
	select {
	case <-first:
	case <-ctx.Done():
	case <-time.After(2 * linkTimeout):
	}
	f.reach.mu.Lock()
	defer f.reach.mu.Unlock()
	return f.reach.state
}

// probe tries to reach all nodes, at once, when others come, and from time to time.
func (f *Forwarder) probe(ctx context.Context) {
	changed := make(chan struct{}, 1)
	stop := f.opts.Nodes.Watch(func(registry.Change) {
		select {
		case changed <- struct{}{}:
		default:
		}
	})
	defer stop()
	ticker := time.NewTicker(probeInterval)
	defer ticker.Stop()
	for first := true; ; first = false {
		f.probeAll(ctx)
		if first {
			close(f.reach.first)
		}
		select {
		case <-ctx.Done():
			return
		case <-changed:
		case <-ticker.C:
		}
	}
}

// probeAll probes the nodes that have not been reached yet, this one among them.
func (f *Forwarder) probeAll(ctx context.Context) {
	nodes := f.opts.Nodes.Nodes()
	errs := make(map[string]error)
	var mu sync.Mutex
	var probes sync.WaitGroup
	slots := make(chan struct{}, maxProbes)
	f.reach.mu.Lock()
	var due []registry.Node
	alive := make(map[string]bool)
	for _, n := range nodes {
		alive[n.ID] = true
		if n.Address != "" && len(n.Key) > 0 && !f.reach.of(n.ID).ok {
			due = append(due, n)
		}
	}
	for id := range f.reach.nodes {
		if !alive[id] {
			delete(f.reach.nodes, id)
		}
	}
	f.reach.mu.Unlock()
	for _, n := range due {
		slots <- struct{}{}
		probes.Go(func() { // ends within linkTimeout
			defer func() { <-slots }()
			conn, err := f.dial(ctx, n)
			if err == nil {
				_ = conn.Close()
			}
			mu.Lock()
			defer mu.Unlock()
			errs[n.ID] = err
		})
	}
	probes.Wait()
	if ctx.Err() == nil {
		f.judge(due, errs)
	}
}

// judge takes over what the probes have found.
func (f *Forwarder) judge(due []registry.Node, errs map[string]error) {
	f.reach.mu.Lock()
	before := f.reach.state
	state := StateOK
	var lost []registry.Node
	for _, n := range due {
		r := f.reach.of(n.ID)
		r.barred = errs[n.ID] != nil && !r.ok
		if r.barred {
			state = StateUnreachable
			lost = append(lost, n)
		}
	}
	f.reach.state = state
	f.reach.mu.Unlock()
	if state == before && (state == StateOK || isDone(f.reach.first)) {
		return
	}
	if state == StateOK {
		f.log.Info("requests are passed on between nodes: load balancers need no sticky sessions", slog.String("forwarding", state))
		return
	}
	for _, n := range lost {
		f.log.Warn("a node cannot be reached at its address, so load balancers need sticky sessions: open its port between the nodes, or set cluster.advertise there",
			slog.String("forwarding", state), slog.String("node", n.ID), slog.String("address", n.Address),
			slog.Bool("self", n.ID == f.opts.Nodes.ID()), slog.Any("error", errs[n.ID]))
	}
}

func isDone(done chan struct{}) bool {
	select {
	case <-done:
		return true
	default:
		return false
	}
}
