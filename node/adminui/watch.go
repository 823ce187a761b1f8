package adminui

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"chorus/codec"
	"chorus/internal/library"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// followNamespaces tells of the sockets and rooms of every namespace, also of those to come.
func (s *Server) followNamespaces() error {
	var err error
	s.namespaces(func(nsp socket.Namespace) {
		if e := s.follow(nsp); e != nil {
			err = e
		}
	})
	if err != nil {
		return err
	}
	return s.opts.IO.Sockets().On("new_namespace", func(args ...any) {
		_ = s.follow(args[0].(socket.Namespace)) //nolint:errcheck,forcetypeassert // the library's contract for this event
	})
}

func (s *Server) follow(nsp socket.Namespace) error {
	if nsp.Name() == Name {
		return nil
	}
	rooms := func(event, told string) error {
		return nsp.Adapter().On(types.EventName(event), func(args ...any) {
			if !s.watching.Load() || len(args) < 2 {
				return
			}
			room, id := fmt.Sprint(args[0]), fmt.Sprint(args[1])
			if shown(room) {
				s.tell(told, nsp.Name(), room, id, now())
			}
		})
	}
	return errorsOf(
		nsp.On("connection", func(args ...any) {
			one := args[0].(*socket.Socket) //nolint:errcheck,forcetypeassert // the library's contract for this event
			if s.watching.Load() && s.watch(one) {
				s.tell("socket_connected", s.serialize(one), now())
			}
		}),
		rooms("join-room", "room_joined"),
		rooms("leave-room", "room_left"),
	)
}

func errorsOf(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// watch tells of the events of a socket from now on. It reports false when too many are watched.
func (s *Server) watch(one *socket.Socket) bool {
	nsp, id := one.Nsp().Name(), string(one.Id())
	in := func(args ...any) { s.event("event_received", nsp, id, args) }
	out := func(args ...any) { s.event("event_sent", nsp, id, args) }
	s.mu.Lock()
	_, known := s.watched[one]
	full := len(s.watched) >= s.opts.MostSockets
	if !known && !full {
		s.watched[one] = func() {
			one.OffAny(in)
			one.OffAnyOutgoing(out)
		}
	}
	s.mu.Unlock()
	if known || full {
		return known
	}
	one.OnAny(in)
	one.OnAnyOutgoing(out)
	_ = one.On("disconnect", func(args ...any) { // it fails for reserved names only
		s.mu.Lock()
		_, watched := s.watched[one]
		delete(s.watched, one)
		s.mu.Unlock()
		if watched && s.watching.Load() {
			reason := ""
			if len(args) > 0 {
				reason = fmt.Sprint(args[0])
			}
			s.tell("socket_disconnected", nsp, id, reason, now())
		}
	})
	return true
}

// tell sends something to the UIs of all nodes.
func (s *Server) tell(event string, args ...any) {
	if s.events.Add(1) <= int64(s.opts.MostEvents)*int64(interval/time.Second) {
		_ = s.nsp.Emit(event, args...)
	}
}

// secretEvents carry tokens.
var secretEvents = []string{"token:refresh", "authenticate"}

const maxEvent = 4 << 10 // bytes of the arguments of an event that are shown

func (s *Server) event(kind, nsp, id string, args []any) {
	if !s.watching.Load() || len(args) == 0 {
		return
	}
	values, _ := codec.SplitAck(args)
	list := []any{}
	for _, value := range values {
		list = append(list, plain(value))
	}
	name, _ := textOf(values[0])
	if slices.Contains(secretEvents, name) {
		list = []any{name, "[redacted]"}
	} else if text, err := json.Marshal(list); err != nil || len(text) > maxEvent {
		list = []any{name, "[too large to show]"}
	}
	s.tell(kind, nsp, id, list, now())
}

// plain replaces what is no JSON.
func plain(value any) any {
	switch v := value.(type) {
	case []byte:
		return fmt.Sprintf("[%d bytes]", len(v))
	case io.Reader:
		return "[binary]"
	case json.RawMessage:
		return v
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plain(v[i])
		}
		return list
	case map[string]any:
		object := make(map[string]any, len(v))
		for name := range v {
			object[name] = plain(v[name])
		}
		return object
	}
	return value
}

// sockets returns those of this node that are told one by one.
func (s *Server) sockets() []*socket.Socket {
	var list []*socket.Socket
	s.namespaces(func(nsp socket.Namespace) {
		if nsp.Name() == Name {
			return
		}
		nsp.Sockets().Range(func(_ socket.SocketId, one *socket.Socket) bool {
			list = append(list, one)
			return len(list) < s.opts.MostSockets
		})
	})
	return list
}

// secretHeaders never leave the node.
var secretHeaders = []string{"authorization", "proxy-authorization", "cookie"}

// serialize describes a socket as the UI wants it.
func (s *Server) serialize(one *socket.Socket) map[string]any {
	handshake := one.Handshake()
	headers := map[string]any{}
	for name, value := range handshake.Headers {
		if !slices.Contains(secretHeaders, strings.ToLower(name)) {
			headers[name] = value
		}
	}
	rooms := []string{}
	for _, room := range one.Rooms().Keys() {
		if shown(string(room)) {
			rooms = append(rooms, string(room))
		}
	}
	data := map[string]any{}
	if s.opts.User != nil {
		data = s.opts.User(one)
	}
	client := one.Conn().Id()
	return map[string]any{
		"id": string(one.Id()), "clientId": client[:min(len(client), 12)], "transport": one.Conn().Transport().Name(),
		"nsp": one.Nsp().Name(), "data": data, "rooms": rooms,
		"handshake": map[string]any{
			"address": handshake.Address, "headers": headers, "query": library.LastValues(handshake.Query), "issued": handshake.Issued,
			"secure": handshake.Secure, "time": handshake.Time, "url": handshake.Url, "xdomain": handshake.Xdomain,
		},
	}
}

// shown reports whether a room is one of the program or its clients: the chat product has others for itself.
func shown(room string) bool { return room >= " " }

func now() string { return time.Now().UTC().Format("2006-01-02T15:04:05.000Z") }

// namespaces calls use for each namespace of the server.
func (s *Server) namespaces(use func(socket.Namespace)) {
	for _, nsp := range library.Namespaces(s.opts.IO) {
		use(nsp)
	}
}
