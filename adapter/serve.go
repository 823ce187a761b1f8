package adapter

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// receive does what another server, or an emitter, says.
func (a *clusterAdapter) receive(m *clusterMessage) error {
	if m.uid == a.uid && !a.waitsFor(m) {
		return nil // done when it was sent
	}
	switch m.kind {
	case kindBroadcast:
		if m.requestID != "" {
			a.serveBroadcast(m)
		} else {
			if a.recovery == nil || !repeats(m.packet, &m.opts.flags) {
				m.offset = ""
			}
			if m.uid != a.uid {
				m.packet.Id = nil // nobody here waits for the answer, and the number may be that of another event
			}
			if id, err := parseStreamID(m.offset); err == nil {
				a.index.note(m.opts.rooms, id)
			}
			a.deliverRemote(m.packet, &m.opts, m.offset)
		}
	case kindJoin:
		a.local.AddSockets(m.opts.broadcastOptions(), m.rooms)
	case kindLeave:
		a.local.DelSockets(m.opts.broadcastOptions(), m.rooms)
	case kindDisconnect:
		if a.recovery != nil && a.recovery.evicted(m.opts.rooms) {
			return nil
		}
		a.local.DisconnectSockets(m.opts.broadcastOptions(), m.close)
	case kindFetch:
		sockets := a.details(m.opts.broadcastOptions())
		a.respond(m.uid, clusterMessage{
			kind: kindFetched, requestID: m.requestID,
			sockets: func() []socket.SocketDetails { return sockets },
		})
	case kindEvent:
		return a.serveEvent(m)
	case kindFetched, kindEventAnswer, kindClientCount, kindAck:
		a.takeAnswer(m)
	case kindHello, kindHeartbeat, kindGoodbye: // Redis counts the servers
	default:
		return fmt.Errorf("%w: message type %d", errMalformed, m.kind)
	}
	return nil
}

// deliverRemote gives a broadcast of another server to the sockets of this node, with its offset if it has one.
func (a *clusterAdapter) deliverRemote(packet *parser.Packet, opts *wireOptions, offset string) {
	a.local.broadcast(packet, opts.broadcastOptions(), opts.latest, offset)
}

// receiveFrame does what a cluster message says. What concerns nobody here is not decoded any further
// than to know that. The offset is where it stands in what is kept of messages, if anything is.
func (a *clusterAdapter) receiveFrame(f *clusterFrame, offset string) error {
	if f.nsp != a.nsp.Name() || f.uid == a.uid && f.kind != kindBroadcast {
		return nil
	}
	m, err := f.message(a.raw)
	if err != nil {
		return fmt.Errorf("message of type %d: %w", f.kind, err)
	}
	if m.uid == a.uid && !a.waitsFor(m) {
		return nil // done when it was sent
	}
	m.offset = offset
	if m.kind == kindBroadcast {
		if m.requestID == "" && !a.wants(m.opts.rooms...) {
			return nil
		}
		if m.packet, err = f.readPacket(a.nsp.Name(), a.raw); err != nil {
			return fmt.Errorf("packet: %w", err)
		}
	}
	return a.receive(m)
}

// serveEvent raises a server-side event on this server.
func (a *clusterAdapter) serveEvent(m *clusterMessage) error {
	args := make([]any, len(m.args))
	for i, arg := range m.args {
		var err error
		if args[i], err = plain(arg); err != nil {
			return fmt.Errorf("data: %w", err)
		}
	}
	if len(args) == 0 {
		return fmt.Errorf("%w: a server-side event without a name", errMalformed)
	}
	event, ok := args[0].(string)
	if !ok || socket.NAMESPACE_RESERVED_EVENTS.Has(event) {
		// Handlers of "connection" trust that their argument is a socket.
		return fmt.Errorf("%w: %v is no name for a server-side event", errMalformed, args[0])
	}
	if m.requestID != "" {
		args = append(args, a.eventAck(m))
	}
	a.redis.enqueueEvent(func() { a.nsp.OnServerSideEmit(args) })
	return nil
}

// eventAck is what handlers of a server-side event call to answer; the first call counts, with
// its first value.
func (a *clusterAdapter) eventAck(m *clusterMessage) socket.Ack {
	asker, answer := m.uid, clusterMessage{kind: kindEventAnswer, requestID: m.requestID}
	var once sync.Once
	return func(args []any, _ error) {
		once.Do(func() {
			if len(args) > 0 {
				var err error
				if answer.value, err = argument(args[0]); err != nil {
					a.redis.log.Error("answer to a server-side event cannot be sent", slog.Any("error", err))
					return
				}
			}
			a.respond(asker, answer)
		})
	}
}

// argument returns a value for a server-side event, or an answer to one, as it travels: its JSON, or
// the value itself when there is binary in it.
func argument(v any) (any, error) {
	if parser.HasBinary(v) {
		return drained(v)
	}
	text, err := json.Marshal(v)
	return json.RawMessage(text), err
}

// plain is what handlers get of that.
func plain(v any) (any, error) {
	if text, ok := v.(json.RawMessage); ok {
		return plainJSON(text)
	}
	return withFloats(v), nil
}

// serveBroadcast delivers a broadcast with acknowledgement of another server and sends back how
// many clients got it and what each of them answers.
func (a *clusterAdapter) serveBroadcast(m *clusterMessage) {
	if m.opts.flags.Timeout == nil {
		timeout := a.redis.opts.RequestTimeout
		m.opts.flags.Timeout = &timeout // nothing may wait for ever
	}
	a.local.BroadcastWithAck(m.packet, m.opts.broadcastOptions(),
		func(count uint64) {
			a.respond(m.uid, clusterMessage{kind: kindClientCount, requestID: m.requestID, clientCount: count})
		},
		func(args []any, err error) {
			if err == nil && len(args) > 0 {
				a.respond(m.uid, clusterMessage{kind: kindAck, requestID: m.requestID, value: args[0]})
			}
		})
}
