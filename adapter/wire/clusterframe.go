package wire

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"fmt"

	"chorus/adapter/wire/msgpack"

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
	event                                                              textEvent // the parts of the packet, where it was JSON
}

// textEvent is a packet, or the list of a server-side event, in JSON: its parts, which were found when the text was
// checked.
type textEvent struct {
	kind, id frameField
	list     []json.RawMessage // name and arguments
}

// frameField is a value as MessagePack, or as JSON text. Both are empty when it is missing.
type frameField struct {
	packed msgp.Raw
	text   json.RawMessage
}

func (f frameField) missing() bool {
	return len(f.packed) == 0 && len(f.text) == 0 || msgp.IsNil(f.packed) || string(f.text) == "null"
}

// pack returns the value as MessagePack.
func (f frameField) pack() msgp.Raw {
	if f.text == nil {
		return f.packed
	}
	packed, _, _ := msgpack.FromJSON(nil, f.text, 0) // it was checked
	return packed
}

// named returns the field of a name, nil when it is not read.
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
		t := msgpack.NewScanner(payload)
		err = t.Fields(0, func(name string) error {
			if name == "data" && t.At() == '{' {
				f.data, err = readDataFields(t, 1)
				return err
			}
			text, err := t.Value(1)
			keep(name, frameField{text: text}, &uid, &nsp, &number)
			return err
		})
		if err == nil {
			err = t.End()
		}
	} else {
		_, err = msgpack.Fields(payload, func(key string, b []byte) ([]byte, error) {
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
			if *s.to, _, err = msgpack.ReadName(s.from.pack()); err != nil {
				return f, err
			}
		}
	}
	n, _, err := msgpack.ReadWhole(number.pack())
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
	t := msgpack.NewScanner(text)
	d, err := readDataFields(t, 0)
	if err == nil {
		err = t.End()
	}
	return d, err
}

func readDataFields(t *msgpack.Scanner, depth int) (d frameData, err error) {
	err = t.Fields(depth, func(name string) error {
		field := d.named(name)
		if field == nil {
			field = &frameField{}
		}
		mark := t.Mark()
		if name == "packet" {
			d.event = textEvent{}
			err = d.event.read(t, depth+1)
		} else {
			_, err = t.Value(depth + 1)
		}
		*field = frameField{text: t.Since(mark)}
		return err
	})
	return d, err
}

func (e *textEvent) read(t *msgpack.Scanner, depth int) (err error) {
	switch t.At() {
	case '[':
		return e.readList(t, depth)
	case '{':
	default:
		_, err = t.Value(depth)
		return err
	}
	return t.Fields(depth, func(name string) (err error) {
		var text json.RawMessage
		if name == "data" {
			if e.list = nil; t.At() == '[' {
				return e.readList(t, depth+1)
			}
		}
		text, err = t.Value(depth + 1)
		switch name {
		case "type":
			e.kind.text = text
		case "id":
			e.id.text = text
		}
		return err
	})
}

func (e *textEvent) readList(t *msgpack.Scanner, depth int) error {
	e.list = make([]json.RawMessage, 0, 2)
	return t.Elements(depth, func() error {
		text, err := t.Value(depth + 1)
		e.list = append(e.list, text)
		return err
	})
}

// values decodes the list: its name, and the arguments as their text if raw is set.
func (e *textEvent) values(raw bool) ([]any, error) {
	if e.list == nil {
		return nil, msgpack.ErrNotJSON
	}
	list := make([]any, len(e.list))
	for i, text := range e.list {
		if list[i] = text; raw && i > 0 {
			continue
		}
		var err error
		if list[i], _, err = msgpack.Read(frameField{text: text}.pack(), 1); err != nil {
			return nil, err
		}
	}
	return list, nil
}

// readPackedData reads data that stands alone, in MessagePack.
func readPackedData(b []byte) (d frameData, err error) {
	_, err = msgpack.Fields(b, func(key string, b []byte) ([]byte, error) {
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
		id, _, err := readRequestID(d.requestID.pack())
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
		if m.Opts, _, err = readOptions(d.opts.pack()); err != nil {
			return fmt.Errorf("opts: %w", err)
		}
	}
	switch m.Kind {
	case Join, Leave:
		m.Rooms, _, err = readTargets(d.rooms.pack())
	case Disconnect:
		if !d.close.missing() {
			m.Close, _, err = msgpack.ReadTruth(d.close.pack())
		}
	case Fetched:
		m.Sockets = func() []socket.SocketDetails { return d.sockets.remoteSockets() }
	case Event:
		m.Args, err = d.list()
	case EventAnswer:
		m.Value, err = d.packet.value(true, d.exact)
	case ClientCount:
		var n int64
		if n, _, err = msgpack.ReadWhole(d.clientCount.pack()); err == nil && n < 0 {
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
	if d.packet.text[0] != '{' {
		return nil, msgpack.ErrNotJSON
	}
	packet := &parser.Packet{Type: parser.EVENT, Nsp: nsp}
	kind, _, err := readPacketType(d.event.kind.pack())
	if err == nil && !d.event.id.missing() {
		packet.Id, _, err = readAckID(d.event.id.pack())
	}
	var args []any
	if err == nil {
		args, err = d.event.values(raw)
	}
	if err == nil {
		err = checkEvent(kind, args)
	}
	packet.Data = args
	return packet, err
}

// list decodes the list of a server-side event.
func (d *frameData) list() ([]any, error) {
	if d.packet.text == nil {
		list, _, err := readData(d.packet.packed, true)
		return list, err
	}
	if d.packet.text[0] != '[' {
		return nil, msgpack.ErrNotJSON
	}
	return d.event.values(true)
}

// value decodes a value: its text where there is one, or can be, if raw is set.
func (f frameField) value(raw bool, exact frameField) (any, error) {
	switch {
	case len(f.packed) == 0 && f.text == nil:
		return nil, nil
	case raw && f.text != nil:
		return f.text, nil
	case !raw:
		v, _, err := msgpack.Read(f.pack(), 0)
		return v, err
	}
	v, _, _, err := msgpack.ReadRaw(nil, f.packed, 0)
	if err != nil || exact.missing() {
		return v, err
	}
	text, _, err := readText(exact.packed)
	return orExact(v, text), err
}
