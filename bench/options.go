package bench

import (
	"encoding/json"
	"fmt"
	"net/url"
	"runtime"
	"time"
)

// Protocol is what the clients speak over WebSocket.
type Protocol string

// The protocols.
const (
	// SocketIO is Engine.IO 4 and Socket.IO 5.
	SocketIO Protocol = "socket.io"
	// Centrifuge is the JSON protocol of centrifuge and Centrifugo.
	Centrifuge Protocol = "centrifuge"
	// Bare has frames without any protocol: what a client sends, the server sends to all.
	Bare Protocol = "bare"
)

// Defaults of Options.
const (
	DefaultConnections        = 100
	DefaultConnectConcurrency = 64
	DefaultPayload            = 100 // bytes
	DefaultInFlight           = 2   // messages per sender
	DefaultEvent              = "message"
	DefaultEchoEvent          = "echo"
	DefaultJoinEvent          = "join"
	DefaultRoomPrefix         = "room-"
	DefaultDuration           = 10 * time.Second
	DefaultConnectTimeout     = 30 * time.Second
	DefaultDrainTimeout       = 10 * time.Second
)

// maxPayload bounds what one message may be made of.
const maxPayload = 16 << 20

// maxPingPayload bounds the messages that the client of PingRate skips: each must fit into its buffer.
const maxPingPayload = handshakeBuffer / 2

// Options say what Run does. The zero value of each field is useful, except for URLs.
type Options struct {
	// URLs of the servers, as http://localhost:3000; clients are spread over them in turn. A path
	// other than / replaces the protocol's usual one (/socket.io/, /connection/websocket).
	URLs []string

	// Protocol of the clients; default SocketIO.
	Protocol Protocol

	// Namespace that the clients connect to (SocketIO), or their channel (Centrifuge).
	Namespace string

	// Token returns the token of a client, which shows it when it connects; nil for none.
	Token func(client int) (string, error)

	// Connections is the number of clients; default DefaultConnections.
	Connections int

	// ConnectRate is how many clients connect per second; 0 for as fast as it goes with
	// ConnectConcurrency at a time, whose default is DefaultConnectConcurrency.
	ConnectRate        float64
	ConnectConcurrency int

	// ConnectTimeout is for one client to connect; default DefaultConnectTimeout.
	ConnectTimeout time.Duration

	// Stalled is how many of the clients stop reading once they are connected.
	Stalled int

	// Senders is how many of the clients publish; 0 for none: the connections are idle.
	Senders int

	// Rate is the number of messages per second of all senders together. With 0 they send as fast
	// as it goes with at most InFlight messages per sender on their way; default DefaultInFlight.
	Rate     float64
	InFlight int

	// Payload is the size of a message's value in bytes; default DefaultPayload, and never less
	// than its own time and number need.
	Payload int

	// Deflate asks the server for permessage-deflate (RFC 7692), without context takeover, and refuses a server that does
	// not offer it. The payload is then text that compresses like words. Clients do not compress what they send.
	Deflate bool

	// Polling has the clients use HTTP long-polling in place of WebSocket, with answers that are not compressed (SocketIO).
	Polling bool

	// Binary sends the value as bytes: an event with one attachment, which the server passes on as such (SocketIO).
	Binary bool

	// Event is the name of the event that is sent; default DefaultEvent, and DefaultEchoEvent with
	// Echo. The server is to send it to all clients, unless there are Rooms.
	Event string

	// Echo makes requests instead: each message asks for an acknowledgement, and the round trip is
	// what is measured.
	Echo bool

	// Rooms spreads the clients over so many rooms: each emits JoinEvent (default
	// DefaultJoinEvent) with the room's name once. Senders send to their own rooms: Event with the
	// room's name before the value. The server must send it to the members of the room.
	// Rooms are channels with Centrifuge. Bare has one room, of all clients.
	Rooms     int
	JoinEvent string

	// RoomsPerClient is how many rooms each client joins; default 1. Members of a room have
	// different other rooms. A sender sends to its rooms in turn.
	RoomsPerClient int

	// RoomPrefix begins the names of the rooms, before their number; default DefaultRoomPrefix.
	RoomPrefix string

	// JoinOptions is JSON that JoinEvent carries behind the room's name; empty for nothing (SocketIO).
	JoinOptions string

	// PingRate is how many WebSocket pings a second one more client sends to the first server, each
	// once the one before is answered; 0 for none. The report has the longest time to an answer.
	PingRate float64

	// WarmUp goes before what is measured; Duration is measured, default DefaultDuration.
	WarmUp, Duration time.Duration

	// DrainTimeout is how long Run waits, after Duration, for what is still on its way; default
	// DefaultDrainTimeout. What has not arrived by then is lost.
	DrainTimeout time.Duration

	// PIDs are the server's processes on this machine, to account for CPU time and memory.
	PIDs []int

	// Readers is the number of goroutines that receive; default half of GOMAXPROCS.
	Readers int

	// Progress is called about once a second; nil for no call. It must not block.
	Progress func(Progress)
}

// withDefaults returns the options with defaults in the place of zeros, or an error that wraps
// ErrOptions.
func (o Options) withDefaults() (Options, error) {
	if len(o.URLs) == 0 {
		return o, fmt.Errorf("%w: URLs: name at least one server, as http://localhost:3000", ErrOptions)
	}
	for _, text := range o.URLs {
		if err := checkURL(text); err != nil {
			return o, err
		}
	}
	setDefault(&o.Protocol, SocketIO)
	setDefault(&o.Connections, DefaultConnections)
	setDefault(&o.ConnectConcurrency, DefaultConnectConcurrency)
	setDefault(&o.ConnectTimeout, DefaultConnectTimeout)
	setDefault(&o.InFlight, DefaultInFlight)
	setDefault(&o.Payload, DefaultPayload)
	setDefault(&o.JoinEvent, DefaultJoinEvent)
	setDefault(&o.RoomsPerClient, 1)
	setDefault(&o.RoomPrefix, DefaultRoomPrefix)
	setDefault(&o.Duration, DefaultDuration)
	setDefault(&o.DrainTimeout, DefaultDrainTimeout)
	setDefault(&o.Readers, max(1, runtime.GOMAXPROCS(0)/2))
	if o.Echo {
		setDefault(&o.Event, DefaultEchoEvent)
	}
	setDefault(&o.Event, DefaultEvent)
	return o, o.check()
}

func setDefault[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

func checkURL(text string) error {
	u, err := url.Parse(text)
	switch {
	case err != nil:
		return fmt.Errorf("%w: URLs: %w", ErrOptions, err)
	case u.Scheme == "https" || u.Scheme == "wss":
		return fmt.Errorf("%w: URLs: %s: clients of this tool speak no TLS; name a node itself, as http://localhost:3000", ErrOptions, text)
	case (u.Scheme != "http" && u.Scheme != "ws") || u.Hostname() == "":
		return fmt.Errorf("%w: URLs: %q is not a URL such as http://localhost:3000", ErrOptions, text)
	}
	return nil
}

func (o *Options) check() error {
	switch o.Protocol {
	case SocketIO, Centrifuge, Bare:
	default:
		return fmt.Errorf("%w: Protocol: %q is none of %s, %s, %s", ErrOptions, o.Protocol, SocketIO, Centrifuge, Bare)
	}
	for _, field := range []struct {
		name  string
		value int
		least int
	}{
		{"Connections", o.Connections, 1}, {"ConnectConcurrency", o.ConnectConcurrency, 1},
		{"Stalled", o.Stalled, 0}, {"Senders", o.Senders, 0}, {"InFlight", o.InFlight, 1},
		{"Payload", o.Payload, 1}, {"Rooms", o.Rooms, 0}, {"RoomsPerClient", o.RoomsPerClient, 1}, {"Readers", o.Readers, 1},
	} {
		if field.value < field.least {
			return fmt.Errorf("%w: %s: %d is less than %d", ErrOptions, field.name, field.value, field.least)
		}
	}
	switch {
	case o.Rate < 0 || o.ConnectRate < 0 || o.PingRate < 0:
		return fmt.Errorf("%w: Rate, ConnectRate, PingRate: a rate is not negative", ErrOptions)
	case o.PingRate > 0 && (o.Protocol == Bare || o.Polling || o.Payload > maxPingPayload):
		return fmt.Errorf("%w: PingRate: it is for WebSocket with a protocol, and for a Payload of at most %d bytes", ErrOptions, maxPingPayload)
	case o.WarmUp < 0 || o.Duration < 0 || o.ConnectTimeout < 0 || o.DrainTimeout < 0:
		return fmt.Errorf("%w: WarmUp, Duration, ConnectTimeout, DrainTimeout: a time is not negative", ErrOptions)
	case o.Payload > maxPayload:
		return fmt.Errorf("%w: Payload: %d is more than %d bytes", ErrOptions, o.Payload, maxPayload)
	case o.Senders > maxSenders:
		return fmt.Errorf("%w: Senders: %d is more than %d", ErrOptions, o.Senders, maxSenders)
	case o.Senders+o.Stalled > o.Connections:
		return fmt.Errorf("%w: Senders, Stalled: %d senders and %d stalled clients are more than %d connections", ErrOptions, o.Senders, o.Stalled, o.Connections)
	case o.Binary && (o.Protocol != SocketIO || o.Echo):
		return fmt.Errorf("%w: Binary: events of %s alone have attachments, and requests have none", ErrOptions, SocketIO)
	case o.Polling && (o.Protocol != SocketIO || o.Binary || o.Deflate || o.Stalled > 0):
		return fmt.Errorf("%w: Polling: it is for text over %s, not for Binary, Deflate or Stalled", ErrOptions, SocketIO)
	case o.Rooms > 1 && o.Protocol == Bare:
		return fmt.Errorf("%w: Rooms: %s has one room, of all clients", ErrOptions, Bare)
	case o.RoomsPerClient > max(1, o.Rooms):
		return fmt.Errorf("%w: RoomsPerClient: %d is more than %d rooms", ErrOptions, o.RoomsPerClient, o.Rooms)
	case o.JoinOptions != "" && !json.Valid([]byte(o.JoinOptions)):
		return fmt.Errorf("%w: JoinOptions: this is not JSON", ErrOptions)
	case o.Rooms > 0 && o.Echo:
		return fmt.Errorf("%w: Rooms, Echo: a request goes to the server, not to a room", ErrOptions)
	case o.Echo && o.Protocol == Bare:
		return fmt.Errorf("%w: Echo: %s has no requests", ErrOptions, Bare)
	}
	if o.Polling { // each client has a connection for what it receives and one for what it sends
		return checkFiles(2 * o.Connections)
	}
	return checkFiles(o.Connections)
}
