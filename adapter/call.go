package adapter

import (
	"context"
	"crypto/rand"
	"encoding/json"
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
	answers chan response
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
func (a *redisAdapter) FetchSockets(opts *socket.BroadcastOptions) func(func([]socket.SocketDetails, error)) {
	return func(callback func([]socket.SocketDetails, error)) {
		sockets := a.details(opts)
		if flagsOf(opts).Local {
			callback(sockets, nil)
			return
		}
		rooms, except := targets(opts)
		r := request{Type: typeFetch, Opts: &requestOptions{Rooms: rooms, Except: except}}
		a.redis.request(timeoutOf(opts, a.redis.opts.RequestTimeout), func(ctx context.Context) {
			err := a.ask(ctx, r, func(answer response) {
				var remote []wireSocket
				if json.Unmarshal(answer.Sockets, &remote) != nil {
					return
				}
				for _, s := range remote {
					sockets = append(sockets, newRemoteSocket(s))
				}
			})
			callback(sockets, err)
		})
	}
}

// ServerSideEmit raises an event on the other servers. With an acknowledgement as the last value
// it gathers one answer per server, and calls back exactly once: after the last answer, or after
// the request timeout with those that came and an error. Values must be what JSON can say.
func (a *redisAdapter) ServerSideEmit(packet []any) error {
	values, ack := splitAck(packet)
	data := make([]json.RawMessage, len(values))
	for i, value := range values {
		text, err := json.Marshal(value)
		if err != nil {
			return fmt.Errorf("adapter: argument %d of a server-side event: %w", i, err)
		}
		data[i] = text
	}
	r := request{Type: typeServerSideEmit, Data: data}
	if ack == nil {
		a.tell(nil, r)
		return nil
	}
	a.redis.request(a.redis.opts.RequestTimeout, func(ctx context.Context) {
		answers := []any{}
		err := a.ask(ctx, r, func(answer response) {
			value, _ := plainJSON(answer.Data) // a missing value is null
			answers = append(answers, value)
		})
		ack(answers, err)
	})
	return nil
}

// ask sends a request and hands the answer of each other server to collect. It returns when all
// have answered, with an error when ctx ends before.
func (a *redisAdapter) ask(ctx context.Context, r request, collect func(response)) error {
	servers, err := a.redis.serverCount(ctx, a.channels.request)
	if err != nil {
		return unavailable(err)
	}
	others := int(servers) - 1
	if others == 0 {
		return nil
	}
	c := &call{answers: make(chan response, others)}
	r.RequestID = a.calls.add(c)
	defer a.calls.remove(r.RequestID)

	sent := make(chan error, 1)
	a.send(r, func(err error) { sent <- err })
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
func (a *redisAdapter) BroadcastWithAck(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack socket.Ack) {
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

func (a *redisAdapter) askClients(packet *parser.Packet, opts *socket.BroadcastOptions, clientCount func(uint64), ack func(any)) error {
	body, err := appendPacket(nil, packet, a.nsp.Name())
	if err != nil {
		return err
	}
	r := broadcastRequest{uid: a.uid, packet: body, opts: newWireOptions(opts)}
	r.requestID = a.calls.add(&call{clientCount: clientCount, ack: ack})
	// Nobody knows here whether every client has answered: the entry stays for the whole timeout.
	time.AfterFunc(timeoutOf(opts, a.redis.opts.RequestTimeout), func() { a.calls.remove(r.requestID) })
	a.redis.outbox.push(publication{
		channel: a.channels.request,
		payload: r.append(nil),
		done:    func(error) {}, // ServerCount notices that Redis is away, and the timeout ends it
	})
	return nil
}

// onResponse hands an answer to the call that waits for it; answers to other servers' calls pass
// here too, and late ones.
func (a *redisAdapter) onResponse(_ string, payload []byte) error {
	if isJSON(payload) {
		var answer response
		if err := json.Unmarshal(payload, &answer); err != nil {
			return fmt.Errorf("response: %w", err)
		}
		c := a.calls.get(answer.RequestID)
		switch {
		case c == nil:
		case c.answers == nil && answer.ClientCount != nil:
			c.clientCount(*answer.ClientCount)
		case c.answers != nil:
			select {
			case c.answers <- answer:
			default: // more answers than servers
			}
		}
		return nil
	}
	answer, err := readAckResponse(payload, a.raw)
	if err != nil {
		return fmt.Errorf("response: %w", err)
	}
	if c := a.calls.get(answer.requestID); c != nil && c.ack != nil {
		c.ack(answer.value)
	}
	return nil
}

// isJSON tells JSON from MessagePack, as the Node.js adapter does.
func isJSON(payload []byte) bool { return len(payload) > 0 && payload[0] == '{' }
