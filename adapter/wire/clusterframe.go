package wire

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// clusterFrame is a received message {uid, nsp, type, data} of the Node.js package socket.io-adapter,
// in JSON or MessagePack, whose data is not decoded yet: whether anybody here wants it stands in it.
type clusterFrame struct {
	uid, nsp string
	kind     Kind
	data     frameData
}

// frameData are the fields of data.
type frameData struct {
	opts, packet, requestID, rooms, close, sockets, clientCount, exact frameField
}

// frameField is a value as MessagePack and, where it was JSON, as its text. Both are empty when it is
// missing.
type frameField struct {
	packed msgp.Raw
	text   json.RawMessage
}

func (f frameField) missing() bool { return len(f.packed) == 0 || msgp.IsNil(f.packed) }

// named returns the field of a name, nil when nobody asks for it.
func (d *frameData) named(name string) *frameField {
	switch name {
	case "opts":
		return &d.opts
	case "packet":
		return &d.packet
	case "requestId":
		return &d.requestID
	case "rooms":
		return &d.rooms
	case "close":
		return &d.close
	case "sockets":
		return &d.sockets
	case "clientCount":
		return &d.clientCount
	case keyExact:
		return &d.exact
	default:
		return nil
	}
}

// NewServerName returns a name for a server in a namespace, as those of the Node.js packages look.
func NewServerName() string {
	var random [8]byte
	_, _ = rand.Read(random[:]) // it never fails
	return hex.EncodeToString(random[:])
}

// ReadFrame reads a message {uid, nsp, type, data}.
func ReadFrame(payload []byte) (*Message, error) {
	f, err := readFrameFields(payload)
	if err != nil {
		return nil, err
	}
	return f.received(), nil
}

// received returns the message of a frame, which is not decoded yet.
func (f *clusterFrame) received() *Message {
	return &Message{Kind: f.kind, Server: f.uid, Nsp: f.nsp, body: &f.data}
}

func readFrameFields(payload []byte) (f *clusterFrame, err error) {
	f = &clusterFrame{}
	var uid, nsp, number frameField
	if isJSON(payload) {
		t := newTranscoder(payload)
		err = t.fields(0, func(name string) error {
			if name == "data" && t.at() == '{' {
				f.data, err = readDataFields(t, 1)
				return err
			}
			value, err := t.field(1)
			keep(name, value, &uid, &nsp, &number)
			return err
		})
		if err == nil {
			err = t.end()
		}
	} else {
		_, err = eachField(payload, func(key string, b []byte) ([]byte, error) {
			value, rest, err := packedField(b)
			if err == nil && key == "data" && !value.missing() {
				f.data, err = readPackedData(value.packed)
			}
			keep(key, value, &uid, &nsp, &number)
			return rest, err
		})
	}
	if err != nil {
		return f, err
	}
	for _, s := range []struct {
		to   *string
		from frameField
	}{{&f.uid, uid}, {&f.nsp, nsp}} {
		if !s.from.missing() { // an emitter may leave its uid out
			if *s.to, _, err = readName(s.from.packed); err != nil {
				return f, err
			}
		}
	}
	n, _, err := readWhole(number.packed)
	f.kind = Kind(n)
	return f, err
}

func keep(name string, value frameField, uid, nsp, number *frameField) {
	switch name {
	case "uid":
		*uid = value
	case "nsp":
		*nsp = value
	case "type":
		*number = value
	}
}

// readTextData reads data that stands alone, in JSON.
func readTextData(text []byte) (frameData, error) {
	t := newTranscoder(text)
	d, err := readDataFields(t, 0)
	if err == nil {
		err = t.end()
	}
	return d, err
}

func readDataFields(t *transcoder, depth int) (d frameData, err error) {
	err = t.fields(depth, func(name string) error {
		value, err := t.field(depth + 1)
		if field := d.named(name); field != nil {
			*field = value
		}
		return err
	})
	return d, err
}

// readPackedData reads data that stands alone, in MessagePack.
func readPackedData(b []byte) (d frameData, err error) {
	_, err = eachField(b, func(key string, b []byte) ([]byte, error) {
		value, rest, err := packedField(b)
		if field := d.named(key); field != nil {
			*field = value
		}
		return rest, err
	})
	return d, err
}

func packedField(b []byte) (f frameField, rest []byte, err error) {
	rest, err = msgp.Skip(b)
	if err != nil {
		return f, b, err
	}
	return frameField{packed: msgp.Raw(b[:len(b)-len(rest)])}, rest, nil
}

// decode reads what the data says, but for the packet of a broadcast.
func (d *frameData) decode(m *Message, raw bool) error {
	var err error
	if !d.requestID.missing() {
		id, _, err := readRequestID(d.requestID.packed)
		if err != nil {
			return fmt.Errorf("requestId: %w", err)
		}
		m.setID(id)
	}
	if m.Kind.selects() {
		// Without them it would be about everybody: that is for a broadcast alone to say, by nil.
		if m.Kind != Broadcast && d.opts.missing() {
			return fmt.Errorf("%w: no options", ErrMalformed)
		}
		if m.Opts, _, err = readOptions(d.opts.packed); err != nil {
			return fmt.Errorf("opts: %w", err)
		}
	}
	switch m.Kind {
	case Join, Leave:
		m.Rooms, _, err = readTargets(d.rooms.packed)
	case Disconnect:
		if !d.close.missing() {
			m.Close, _, err = readTruth(d.close.packed)
		}
	case Fetched:
		m.Sockets = func() []socket.SocketDetails { return d.sockets.remoteSockets() }
	case Event:
		m.Args, err = d.packet.list(true)
	case EventAnswer:
		m.Value, err = d.packet.value(true, d.exact)
	case ClientCount:
		var n int64
		if n, _, err = readWhole(d.clientCount.packed); err == nil && n < 0 {
			err = fmt.Errorf("%w: %d clients", ErrMalformed, n)
		}
		m.ClientCount = uint64(n) //nolint:gosec // it is not negative
	case Ack:
		m.Value, err = d.packet.value(raw, d.exact)
	}
	if err != nil {
		return fmt.Errorf("message of type %d: %w", m.Kind, err)
	}
	return nil
}

// decodePacket decodes the packet of a broadcast.
func (d *frameData) decodePacket(nsp string, raw bool) (*parser.Packet, error) {
	if d.packet.text == nil {
		packet, err := readEvent(d.packet.packed, raw)
		if err == nil {
			packet.Nsp = nsp
		}
		return packet, err
	}
	packet := &parser.Packet{Type: parser.EVENT, Nsp: nsp}
	n := -1
	var data frameField
	t := newTranscoder(d.packet.text)
	err := t.fields(0, func(name string) error {
		value, err := t.field(1)
		switch {
		case err != nil:
		case name == "type":
			n, _, err = readPacketType(value.packed)
		case name == "data":
			data = value
		case name == "id":
			packet.Id, _, err = readAckID(value.packed)
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	args, err := data.list(raw)
	if err == nil {
		err = checkEvent(n, args)
	}
	packet.Data = args
	return packet, err
}

// value decodes a value: its text where there is one, or can be, if raw is set.
func (f frameField) value(raw bool, exact frameField) (any, error) {
	switch {
	case len(f.packed) == 0:
		return nil, nil
	case raw && f.text != nil:
		return f.text, nil
	case !raw:
		v, _, err := readValue(f.packed, 0)
		return v, err
	}
	v, _, _, err := readRaw(nil, f.packed, 0)
	if err != nil || exact.missing() {
		return v, err
	}
	text, _, err := readText(exact.packed)
	return orExact(v, text), err
}

// list decodes the list of an event: its name, and the arguments as value does.
func (f frameField) list(raw bool) ([]any, error) {
	if f.text == nil || !raw {
		list, _, err := readData(f.packed, raw)
		return list, err
	}
	var list []any
	t := newTranscoder(f.text)
	err := t.elements(0, func() error {
		value, err := t.field(1)
		if err != nil {
			return err
		}
		if len(list) > 0 {
			list = append(list, value.text)
			return nil
		}
		name, _, err := readValue(value.packed, 1)
		list = append(list, name)
		return err
	})
	return list, err
}
