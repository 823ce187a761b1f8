package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// socketIO is Engine.IO 4 with Socket.IO 5. Over WebSocket one packet is one text frame. It begins with both packet types.
type socketIO struct {
	nsp       string // as in packets: empty, or "/chat,"
	event     string // as JSON
	joinEvent string // as JSON
	joinMore  string // behind the name of the room: empty, or a comma and JSON
	transport string // of Engine.IO
	binary    bool   // whether a message is an attachment, in a binary frame behind its event
}

const (
	eioOpen  = '0'
	eioClose = '1'
	eioPing  = '2'
	eioPong  = '3'

	sioConnect      = "40"
	sioDisconnect   = "41"
	sioEvent        = "42"
	sioAck          = "43"
	sioConnectError = "44"
	sioBinaryEvent  = "451-" // with one attachment
	placeholder     = `{"_placeholder":true,"num":0}`
)

func newSocketIO(o *Options) *socketIO {
	d := &socketIO{event: quote(o.Event), joinEvent: quote(o.JoinEvent), binary: o.Binary, transport: "websocket"}
	if o.Polling {
		d.transport = "polling"
	}
	if o.JoinOptions != "" {
		d.joinMore = "," + o.JoinOptions
	}
	if o.Namespace != "" && o.Namespace != "/" {
		d.nsp = o.Namespace + ","
		if o.Namespace[0] != '/' {
			d.nsp = "/" + d.nsp
		}
	}
	return d
}

func quote(text string) string {
	quoted, err := json.Marshal(text)
	if err != nil {
		panic(err) // a string always has its JSON
	}
	return string(quoted)
}

func (d *socketIO) target(server *url.URL) string {
	query := server.Query()
	query.Set("EIO", "4")
	query.Set("transport", d.transport)
	return pathOr(server, "/socket.io/") + "?" + query.Encode()
}

// pathOr returns the path of a URL that has one.
func pathOr(u *url.URL, usual string) string {
	if path := u.EscapedPath(); path != "" && path != "/" {
		return path
	}
	return usual
}

func (d *socketIO) join(c joining, client member) error {
	if open, err := c.receive(); err != nil {
		return err
	} else if open[0] != eioOpen {
		return fmt.Errorf("%w: the first packet is %s instead of OPEN", ErrProtocol, excerpt(open))
	}
	connect := sioConnect + d.nsp
	if client.token != "" {
		connect += `{"token":` + quote(client.token) + "}"
	}
	if err := c.send([]byte(connect)); err != nil {
		return err
	}
	for {
		packet, err := c.receive()
		if err != nil {
			return err
		}
		switch {
		case packet[0] == eioPing && len(packet) == 1:
			if err := c.send(d.pong()); err != nil {
				return err
			}
		case bytes.HasPrefix(packet, []byte(sioConnectError)):
			return fmt.Errorf("%w: %s", ErrRefused, excerpt(packet[len(sioConnectError):]))
		case bytes.HasPrefix(packet, []byte(sioConnect+d.nsp)):
			for _, room := range client.rooms {
				if err := c.send([]byte(sioEvent + d.nsp + "[" + d.joinEvent + "," + quote(room) + d.joinMore + "]")); err != nil {
					return err
				}
			}
			return nil
		}
	}
}

func (d *socketIO) publish(dst []byte, room string, value []byte) []byte {
	kind := sioEvent
	if d.binary {
		kind, value = sioBinaryEvent, []byte(placeholder)
	}
	dst = append(append(append(append(dst, kind...), d.nsp...), '['), d.event...)
	if room != "" {
		dst = append(append(append(append(dst, ','), '"'), room...), '"')
	}
	return append(append(append(dst, ','), value...), ']')
}

func (d *socketIO) request(dst []byte, number uint32, value []byte) []byte {
	dst = strconv.AppendUint(append(append(dst, sioEvent...), d.nsp...), uint64(number), 10)
	return append(append(append(append(append(dst, '['), d.event...), ','), value...), ']')
}

func (d *socketIO) read(frame []byte) (message []byte, k kind, rest []byte) {
	switch {
	case d.binary && frame[0] == valueHead[0]: // an attachment; packets begin with a digit
		return frame, delivery, nil
	case len(frame) == 1 && frame[0] == eioPing:
		return frame, heartbeat, nil
	case len(frame) == 1 && frame[0] == eioClose:
		return frame, farewell, nil
	case len(frame) < 2 || frame[0] != '4':
		return frame, other, nil
	}
	switch frame[1] {
	case '1':
		return frame, farewell, nil
	case '2':
		return frame, delivery, nil
	case '3':
		return frame, answer, nil
	default:
		return frame, other, nil
	}
}

func (d *socketIO) pong() []byte { return []byte{eioPong} }
