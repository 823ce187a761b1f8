package adapter

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"sync"
	"time"

	"chorus/adapter/rooms"
	"chorus/adapter/wire"
	"chorus/adapter/wire/msgpack"

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
	answers chan *wire.Message
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
func (a *namespace) FetchSockets(opts *socket.BroadcastOptions) func(func([]socket.SocketDetails, error)) {
	return func(callback func([]socket.SocketDetails, error)) {
		sockets := a.Details(opts)
		if wire.FlagsOf(opts).Local {
			callback(sockets, nil)
			return
		}
		m := *message(wire.Fetch, opts, nil)
		a.cluster.request(timeoutOf(opts, a.cluster.opts.RequestTimeout), func(ctx context.Context) {
			err := a.ask(ctx, m, func(answer *wire.Message) {
				if answer.Sockets != nil {
					sockets = append(sockets, answer.Sockets()...)
				}
			})
			callback(sockets, err)
		})
	}
}

// ServerSideEmit raises an event on the other servers. With an acknowledgement as the last value
// it gathers one answer per server, and calls back exactly once: after the last answer, or after
// the request timeout with those that came and an error. Values must be what JSON can say.
func (a *namespace) ServerSideEmit(packet []any) error {
	values := packet
	var ack socket.Ack
	if n := len(packet); n > 0 {
		if ack, _ = packet[n-1].(socket.Ack); ack != nil {
			values = packet[:n-1]
		}
	}
	m := wire.Message{Kind: wire.Event, Args: make([]any, len(values))}
	for i, value := range values {
		var err error
		if m.Args[i], err = msgpack.Argument(value); err != nil {
			return fmt.Errorf("adapter: argument %d of a server-side event: %w", i, err)
		}
	}
	if ack == nil {
		a.tell(&m, func() {})
		return nil
	}
	a.cluster.request(a.cluster.opts.RequestTimeout, func(ctx context.Context) {
		answers := []any{}
		err := a.ask(ctx, m, func(answer *wire.Message) {
			value, _ := msgpack.Plain(answer.Value) // a missing value is null
			answers = append(answers, value)
		})
		ack(answers, err)
	})
	return nil
}

// recountEvery is how often a request that waits asks how many servers are left.
const recountEvery = 250 * time.Millisecond

// ask sends a question and hands the answer of each other server to collect. It returns when all
// have answered, with an error when ctx ends before and more servers are left than have answered.
func (a *namespace) ask(ctx context.Context, m wire.Message, collect func(*wire.Message)) error {
	servers, err := a.link.Servers(ctx)
	if err != nil {
		return unavailable(err)
	}
	others := servers - 1
	if others == 0 {
		return nil
	}
	c := &call{answers: make(chan *wire.Message, others)}
	m.RequestID = a.calls.add(c)
	defer a.calls.remove(m.RequestID)

	sent := make(chan error, 1)
	if err := a.link.Publish(&m, func(_ string, err error) { sent <- err }); err != nil {
		return err
	}
	recount := time.NewTicker(recountEvery)
	defer recount.Stop()
	left := others // the fewest there were
	for got := 0; got < others; {
		select {
		case err := <-sent:
			if err != nil {
				return unavailable(err)
			}
		case answer := <-c.answers:
			collect(answer)
			got++
		case <-recount.C:
			if servers, err := a.link.Servers(ctx); err == nil {
				left = min(left, servers-1)
			}
			if got == 0 {
				others = left // those who went have not answered
			}
		case <-ctx.Done():
			if got >= left {
				return nil // an answer does not say whose it is: another one might have come
			}
			return fmt.Errorf("%w: %d of %d did", ErrRequestTimeout, got, left)
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
func (a *namespace) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack socket.Ack) {
	flags := wire.FlagsOf(opts)
	packet, err := msgpack.Repeatable(packet)
	if err != nil {
		ack(nil, err)
		return
	}
	if !flags.Local {
		if err := a.askClients(packet, opts, clientCount, func(value any) { ack(rooms.AckValue([]any{value}, flags), nil) }); err != nil {
			ack(nil, err)
			return
		}
	}
	a.Local.BroadcastWithAck(packet, opts, clientCount, ack)
}

func (a *namespace) askClients(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack func(any)) error {
	m := wire.Message{Kind: wire.Broadcast, Packet: packet, Opts: wire.NewOptions(opts)}
	m.RequestID = a.calls.add(&call{clientCount: clientCount, ack: ack})
	// This server does not know whether every client has answered: the entry stays for the whole timeout.
	time.AfterFunc(timeoutOf(opts, a.cluster.opts.RequestTimeout), func() { a.calls.remove(m.RequestID) })
	// ServerCount notices that Redis is away, and the timeout ends it.
	return a.link.Publish(&m, func(string, error) {})
}

// takeAnswer hands an answer to the call that waits for it; answers to other servers' calls pass
// here too, and late ones.
func (a *namespace) takeAnswer(m *wire.Message) {
	c := a.calls.get(m.RequestID)
	switch {
	case c == nil:
	case m.Kind == wire.Ack:
		if c.ack != nil {
			c.ack(m.Value)
		}
	case c.answers != nil:
		select {
		case c.answers <- m:
		default: // more answers than servers
		}
	case m.Kind == wire.ClientCount:
		c.clientCount(m.ClientCount)
	}
}

// timeoutOf returns the caller's own timeout for a request, else the default.
func timeoutOf(opts *socket.BroadcastOptions, fallback time.Duration) time.Duration {
	if t := wire.FlagsOf(opts).Timeout; t != nil && *t > 0 {
		return *t
	}
	return fallback
}
