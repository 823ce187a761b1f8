package bench

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"strconv"
)

// centrifuge is the JSON protocol of centrifuge: a frame holds one or more JSON objects, one per
// line. An empty object is the heartbeat, in both directions.
type centrifuge struct {
	channel string // as JSON
	method  string // as JSON: the procedure that answers requests
}

// DefaultChannel is what clients of Centrifuge subscribe to.
const DefaultChannel = "bench"

// Ids of the commands with which a client begins; those of requests come behind them.
const (
	connectID   = 1
	subscribeID = 2
	firstID     = 3
)

func newCentrifuge(o *Options) *centrifuge {
	channel := o.Namespace
	setDefault(&channel, DefaultChannel)
	return &centrifuge{channel: quote(channel), method: quote(o.Event)}
}

func (d *centrifuge) target(server *url.URL) string {
	target := pathOr(server, "/connection/websocket")
	if server.RawQuery != "" {
		target += "?" + server.RawQuery
	}
	return target
}

func (d *centrifuge) join(c joining, client member) error {
	connect := fmt.Sprintf(`{"id":%d,"connect":{"token":%s}}`, connectID, quote(client.token))
	if err := d.command(c, connectID, connect); err != nil {
		return err
	}
	if len(client.rooms) == 0 {
		return d.subscribe(c, "")
	}
	for _, room := range client.rooms {
		if err := d.subscribe(c, room); err != nil {
			return err
		}
	}
	return nil
}

func (d *centrifuge) subscribe(c joining, room string) error {
	return d.command(c, subscribeID, fmt.Sprintf(`{"id":%d,"subscribe":{"channel":%s}}`, subscribeID, d.channelOf(room)))
}

// command sends a command and waits for its reply.
func (d *centrifuge) command(c joining, id int, text string) error {
	if err := c.send([]byte(text)); err != nil {
		return err
	}
	for {
		frame, err := c.receive()
		if err != nil {
			return err
		}
		for line := range bytes.Lines(frame) {
			var reply struct {
				ID    int             `json:"id"`
				Error json.RawMessage `json:"error"`
			}
			if err := json.Unmarshal(line, &reply); err != nil {
				return fmt.Errorf("%w: %s: %w", ErrProtocol, excerpt(line), err)
			}
			switch {
			case reply.ID == id && reply.Error != nil:
				return fmt.Errorf("%w: %s", ErrRefused, excerpt(reply.Error))
			case reply.ID == id:
				return nil
			}
		}
	}
}

// channelOf returns the channel of a room, as JSON.
func (d *centrifuge) channelOf(room string) string {
	if room == "" {
		return d.channel
	}
	return quote(room)
}

func (d *centrifuge) publish(dst []byte, room string, value []byte) []byte {
	dst = append(append(append(dst, `{"id":3,"publish":{"channel":`...), d.channelOf(room)...), `,"data":`...)
	return append(append(dst, value...), "}}"...)
}

func (d *centrifuge) request(dst []byte, number uint32, value []byte) []byte {
	dst = strconv.AppendUint(append(dst, `{"id":`...), uint64(number)+firstID, 10)
	dst = append(append(append(dst, `,"rpc":{"method":`...), d.method...), `,"data":`...)
	return append(append(dst, value...), "}}"...)
}

func (d *centrifuge) read(frame []byte) (message []byte, k kind, rest []byte) {
	message = frame
	if end := bytes.IndexByte(frame, '\n'); end >= 0 {
		message, rest = frame[:end], frame[end+1:]
	}
	switch {
	case len(message) == 2:
		return message, heartbeat, rest
	case bytes.HasPrefix(message, []byte(`{"push":{"channel":`)):
		return message, delivery, rest
	case bytes.HasPrefix(message, []byte(`{"push":{"disconnect"`)):
		return message, farewell, rest
	case bytes.HasPrefix(message, []byte(`{"id":`)):
		return message, answer, rest
	default:
		return message, other, rest
	}
}

func (d *centrifuge) pong() []byte { return []byte("{}") }
