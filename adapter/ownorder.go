package adapter

import (
	"slices"
	"sync"
	"time"
)

// ownOrder keeps the operations of this server in order when the order of messages is total: while a
// broadcast of this server is on its way through the transport, a later leave or disconnection of its
// sockets waits until it comes back as well. Else the clients would miss the broadcast.
type ownOrder struct {
	mu         sync.Mutex
	broadcasts int      // that have not come back
	published  []*ownOp // leaves and disconnections that have not come back, in order
}

// ownOp is a leave or a disconnection.
type ownOp struct {
	do    func()      // nil once it is done
	timer *time.Timer // does it if it does not come back; nil if it did not wait
}

// sent counts a broadcast that is about to be published; returned is called when it comes back or fails.
func (o *ownOrder) sent() {
	o.mu.Lock()
	o.broadcasts++
	o.mu.Unlock()
}

func (o *ownOrder) returned() {
	o.mu.Lock()
	o.broadcasts = max(o.broadcasts-1, 0)
	o.mu.Unlock()
}

// begin notes an operation that is about to be published. If no broadcast is on its way, wait is false and
// the caller does it at once.
func (o *ownOrder) begin(do func(), timeout time.Duration) (op *ownOp, wait bool) {
	op = &ownOp{}
	o.mu.Lock()
	defer o.mu.Unlock()
	if wait = o.broadcasts > 0; wait {
		op.do = do
		op.timer = time.AfterFunc(timeout, func() { o.finish(op) })
	}
	o.published = append(o.published, op)
	return op, wait
}

// next does the oldest operation, which has come back.
func (o *ownOrder) next() {
	o.mu.Lock()
	var op *ownOp
	if len(o.published) > 0 {
		op = o.published[0]
	}
	o.mu.Unlock()
	if op != nil {
		o.finish(op)
	}
}

// finish does an operation unless it is done.
func (o *ownOrder) finish(op *ownOp) {
	o.mu.Lock()
	do := op.do
	op.do = nil
	if i := slices.Index(o.published, op); i >= 0 {
		o.published = slices.Delete(o.published, i, i+1)
	}
	if op.timer != nil {
		op.timer.Stop()
	}
	o.mu.Unlock()
	if do != nil {
		do()
	}
}
