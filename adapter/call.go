package adapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// callTable holds the requests of this server that wait for answers, by request id.
type callTable struct {
	mu    sync.Mutex
	calls map[string]*call
}

// call is a request that waits for the other servers.
type call struct {
	// answers takes the answers of one per server; nil for a broadcast with acknowledgement.
	answers chan *clusterMessage
	// clientCount and ack take the answers to a broadcast with acknowledgement.
	clientCount func(uint64)
	ack         func(any)
}

func (t *callTable) add(c *call) (id string) {
	id = rand.Text()
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.calls == nil {
		t.calls = make(map[string]*call)
	}
	t.calls[id] = c
	return id
}

func (t *callTable) get(id string) *call {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.calls[id]
}

func (t *callTable) remove(id string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.calls, id)
}

// FetchSockets hands the matching sockets of the cluster to the callback, exactly once. When not
// every server answers within the request timeout it gets those that are known, and an error
// that wraps ErrRequestTimeout or ErrUnavailable.
func (a *clusterAdapter) FetchSockets(opts *socket.BroadcastOptions) func(func([]socket.SocketDetails, error)) {
	return func(callback func([]socket.SocketDetails, error)) {
		sockets := a.details(opts)
		if flagsOf(opts).Local {
			callback(sockets, nil)
			return
		}
		m := clusterMessage{kind: kindFetch}
		m.opts.rooms, m.opts.except = targets(opts)
		a.redis.request(timeoutOf(opts, a.redis.opts.RequestTimeout), func(ctx context.Context) {
			err := a.ask(ctx, m, func(answer *clusterMessage) {
				if answer.sockets != nil {
					sockets = append(sockets, answer.sockets()...)
				}
			})
			callback(sockets, err)
		})
	}
}

// ServerSideEmit raises an event on the other servers. With an acknowledgement as the last value
// it gathers one answer per server, and calls back exactly once: after the last answer, or after
// the request timeout with those that came and an error. Values must be what JSON can say.
func (a *clusterAdapter) ServerSideEmit(packet []any) error {
	values, ack := splitAck(packet)
	m := clusterMessage{kind: kindEvent, args: make([]any, len(values))}
	for i, value := range values {
		var err error
		if m.args[i], err = argument(value); err != nil {
			return fmt.Errorf("adapter: argument %d of a server-side event: %w", i, err)
		}
	}
	if ack == nil {
		a.tell(nil, m)
		return nil
	}
	a.redis.request(a.redis.opts.RequestTimeout, func(ctx context.Context) {
		answers := []any{}
		err := a.ask(ctx, m, func(answer *clusterMessage) {
			value, _ := plain(answer.value) // a missing value is null
			answers = append(answers, value)
		})
		ack(answers, err)
	})
	return nil
}

// ask sends a question and hands the answer of each other server to collect. It returns when all
// have answered, with an error when ctx ends before.
func (a *clusterAdapter) ask(ctx context.Context, m clusterMessage, collect func(*clusterMessage)) error {
	servers, err := a.carrier.serverCount(ctx)
	if err != nil {
		return unavailable(err)
	}
	others := int(servers) - 1
	if others == 0 {
		return nil
	}
	c := &call{answers: make(chan *clusterMessage, others)}
	m.requestID = a.calls.add(c)
	defer a.calls.remove(m.requestID)

	sent := make(chan error, 1)
	if err := a.carrier.publish(m, func(_ string, err error) { sent <- err }); err != nil {
		return err
	}
	for got := 0; got < others; {
		select {
		case err := <-sent:
			if err != nil {
				return unavailable(err)
			}
		case answer := <-c.answers:
			collect(answer)
			got++
		case <-ctx.Done():
			return fmt.Errorf("%w: %d of %d did", ErrRequestTimeout, got, others)
		}
	}
	return nil
}

func unavailable(err error) error {
	if errors.Is(err, ErrUnavailable) {
		return err
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}

// BroadcastWithAck sends a packet to the matching sockets of the cluster. Each server says how
// many clients it reached, and each client's answer is handed to ack, until flags.Timeout.
func (a *clusterAdapter) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack socket.Ack) {
	flags := flagsOf(opts)
	packet, err := repeatable(packet)
	if err != nil {
		ack(nil, err)
		return
	}
	if !flags.Local {
		if err := a.askClients(packet, opts, clientCount, func(value any) { ack(ackValue([]any{value}, flags), nil) }); err != nil {
			ack(nil, err)
			return
		}
	}
	a.local.BroadcastWithAck(packet, opts, clientCount, ack)
}

func (a *clusterAdapter) askClients(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack func(any)) error {
	m := clusterMessage{kind: kindBroadcast, packet: packet, opts: newWireOptions(opts)}
	m.requestID = a.calls.add(&call{clientCount: clientCount, ack: ack})
	// Nobody knows here whether every client has answered: the entry stays for the whole timeout.
	time.AfterFunc(timeoutOf(opts, a.redis.opts.RequestTimeout), func() { a.calls.remove(m.requestID) })
	// ServerCount notices that Redis is away, and the timeout ends it.
	return a.carrier.publish(m, func(string, error) {})
}

// takeAnswer hands an answer to the call that waits for it; answers to other servers' calls pass
// here too, and late ones.
func (a *clusterAdapter) takeAnswer(m *clusterMessage) {
	c := a.calls.get(m.requestID)
	switch {
	case c == nil:
	case m.kind == kindAck:
		if c.ack != nil {
			c.ack(m.value)
		}
	case c.answers != nil:
		select {
		case c.answers <- m:
		default: // more answers than servers
		}
	case m.kind == kindClientCount:
		c.clientCount(m.clientCount)
	}
}

// timeoutOf returns the caller's own timeout for a request, else the default.
func timeoutOf(opts *socket.BroadcastOptions, fallback time.Duration) time.Duration {
	if t := flagsOf(opts).Timeout; t != nil && *t > 0 {
		return *t
	}
	return fallback
}
