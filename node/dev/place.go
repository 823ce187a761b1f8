package dev

import (
	"chorus/node"
	"chorus/node/config"
	"context"
	"errors"
	"net/http"
	"sync"
)

// errNodeState is the answer to killing a node that is not there, or starting one that is.
var errNodeState = errors.New("the node is not in the state for this")

// place is a place in a cluster for development: a node that can be killed and started again.
type place struct {
	cfg  config.Config
	wrap func(http.Handler) http.Handler // adds the endpoints of development
	// started is called with each node before it serves.
	started func(*node.Node)

	mu     sync.Mutex
	node   *node.Node // nil while there is none
	cancel context.CancelFunc
	ended  chan struct{} // closed when the node has ended
	err    error         // how it ended
}

// start starts a node at the address that the place had before.
func (d *place) start(ctx context.Context) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.node != nil {
		return errNodeState
	}
	n, err := node.New(d.cfg) // a node lives until it is closed, which serve does when its ctx ends
	if err != nil {
		return err
	}
	if err := n.Open(ctx); err != nil {
		return errors.Join(err, n.Close(ctx))
	}
	n.Wrap(d.wrap)
	d.started(n)
	d.cfg.Listen = n.Addr().String()
	life, cancel := context.WithCancel(context.Background()) //nolint:gosec // stop and kill call cancel
	ended := make(chan struct{})
	d.node, d.cancel, d.ended = n, cancel, ended
	go func() { // ends with stop or kill
		defer close(ended)
		err := n.Serve(life) // the node's life is its own
		d.mu.Lock()
		defer d.mu.Unlock()
		d.node, d.err = nil, err
	}()
	return nil
}

// kill ends the node as a SIGKILL does: it says nothing to its clients, to Redis, or to the other nodes.
func (d *place) kill() error {
	d.mu.Lock()
	n, cancel := d.node, d.cancel
	d.mu.Unlock()
	if n == nil {
		return errNodeState
	}
	n.Kill()
	cancel()
	_ = d.wait() // what it could not say is all that it complains about
	return nil
}

// stop has the node drain. wait waits for that.
func (d *place) stop() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.cancel != nil {
		d.cancel()
	}
}

func (d *place) wait() error {
	d.mu.Lock()
	ended := d.ended
	d.mu.Unlock()
	if ended == nil {
		return nil
	}
	<-ended
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.err
}

// running returns the node, nil when there is none.
func (d *place) running() *node.Node {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.node
}

// addr returns the address, of a node that was killed too.
func (d *place) addr() string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.cfg.Listen
}
