package adapter

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"sync"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// onRequest does what another server, or an emitter, asks.
func (a *redisAdapter) onRequest(_ string, payload []byte) error {
	if !isJSON(payload) {
		r, err := readBroadcastRequest(payload)
		if err != nil {
			return fmt.Errorf("request: %w", err)
		}
		return a.serveBroadcast(r)
	}
	var r request
	if err := json.Unmarshal(payload, &r); err != nil {
		return fmt.Errorf("request: %w", err)
	}
	if r.UID == a.uid {
		return nil // done when it was sent
	}
	switch r.Type {
	case typeSockets:
		ids := a.Sockets(r.Opts.orRooms(r.Rooms).Rooms)
		text, err := json.Marshal(ids)
		if err != nil {
			return err
		}
		a.answer(r.UID, response{RequestID: r.RequestID, Sockets: text})
	case typeAllRooms:
		a.answer(r.UID, response{RequestID: r.RequestID, Rooms: a.index.allRooms()})
	case typeJoin, typeLeave, typeDisconnect:
		return a.serveSockets(r)
	case typeFetch:
		return a.serveFetch(r)
	case typeServerSideEmit:
		return a.serveEvent(r)
	default:
		return fmt.Errorf("%w: request type %d", errMalformed, r.Type)
	}
	return nil
}

// orRooms selects by rooms when the request has no options, as the oldest kind of request does.
func (o *requestOptions) orRooms(rooms roomList) *socket.BroadcastOptions {
	if o == nil {
		o = &requestOptions{Rooms: rooms}
	}
	return o.broadcastOptions()
}

// serveSockets makes sockets of this node join, leave or disconnect.
func (a *redisAdapter) serveSockets(r request) error {
	rooms := r.Rooms
	if r.Opts == nil {
		// The old form names one socket and one room, and wants an answer.
		if _, here := a.nsp.Sockets().Load(r.Sid); !here {
			return nil
		}
		defer a.answer(r.UID, response{RequestID: r.RequestID})
		r.Opts = &requestOptions{Rooms: roomList{socket.Room(r.Sid)}}
		if r.Type != typeDisconnect {
			if err := json.Unmarshal(append(append([]byte{'['}, r.Room...), ']'), &rooms); err != nil {
				return fmt.Errorf("room: %w", err)
			}
		}
	}
	opts := r.Opts.broadcastOptions()
	switch r.Type {
	case typeJoin:
		a.local.AddSockets(opts, rooms)
	case typeLeave:
		a.local.DelSockets(opts, rooms)
	default:
		a.local.DisconnectSockets(opts, r.Close != nil && *r.Close)
	}
	return nil
}

func (a *redisAdapter) serveFetch(r request) error {
	sockets := []wireSocket{}
	for _, s := range a.details(r.Opts.broadcastOptions()) {
		sockets = append(sockets, newWireSocket(s))
	}
	text, err := json.Marshal(sockets)
	if err != nil {
		return err
	}
	a.answer(r.UID, response{RequestID: r.RequestID, Sockets: text})
	return nil
}

// serveEvent raises a server-side event on this server.
func (a *redisAdapter) serveEvent(r request) error {
	args := make([]any, len(r.Data))
	for i, text := range r.Data {
		var err error
		if args[i], err = plainJSON(text); err != nil {
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
	if r.RequestID != "" {
		args = append(args, a.eventAck(r))
	}
	a.redis.enqueueEvent(func() { a.nsp.OnServerSideEmit(args) })
	return nil
}

// eventAck is what handlers of a server-side event call to answer; the first call counts, with
// its first value.
func (a *redisAdapter) eventAck(r request) socket.Ack {
	var once sync.Once
	return func(args []any, _ error) {
		once.Do(func() {
			kind := typeServerSideEmit
			answer := response{Type: &kind, RequestID: r.RequestID}
			if len(args) > 0 {
				text, err := json.Marshal(args[0])
				if err != nil {
					a.redis.log.Error("answer to a server-side event cannot be sent", slog.Any("error", err))
					return
				}
				answer.Data = text
			}
			a.answer(r.UID, answer)
		})
	}
}

// serveBroadcast delivers a broadcast with acknowledgement of another server and sends back how
// many clients got it and what each of them answers.
func (a *redisAdapter) serveBroadcast(r broadcastRequest) error {
	if r.uid == a.uid {
		return nil
	}
	packet, err := readPacket(r.packet, a.nsp.Name(), a.raw)
	if err != nil {
		return err
	}
	if r.opts.flags.Timeout == nil {
		timeout := a.redis.opts.RequestTimeout
		r.opts.flags.Timeout = &timeout // nothing may wait for ever
	}
	a.local.BroadcastWithAck(packet, r.opts.broadcastOptions(),
		func(count uint64) {
			kind := typeClientCount
			a.answer(r.uid, response{Type: &kind, RequestID: r.requestID, ClientCount: &count})
		},
		func(args []any, err error) {
			if err != nil || len(args) == 0 {
				return
			}
			answer := ackResponse{requestID: r.requestID, value: args[0]}
			payload, err := answer.append(nil)
			if err != nil {
				a.redis.log.Error("acknowledgement cannot be sent", slog.Any("error", err))
				return
			}
			a.respond(r.uid, payload)
		})
	return nil
}

// answer sends a JSON answer to the server that asked.
func (a *redisAdapter) answer(asker string, r response) {
	payload, err := json.Marshal(r)
	if err != nil {
		a.redis.log.Error("answer cannot be sent", slog.Any("error", err))
		return
	}
	a.respond(asker, payload)
}

// respond publishes an answer. It is of the moment, like the request.
func (a *redisAdapter) respond(asker string, payload []byte) {
	channel := a.channels.response
	if a.redis.opts.OwnResponseChannel && asker != "" {
		channel += asker + "#"
	}
	a.redis.outbox.push(publication{channel: channel, payload: payload, done: func(error) {}})
}
