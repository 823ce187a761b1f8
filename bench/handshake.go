package bench

import (
	"bufio"
	"context"
	"crypto/rand"
	"crypto/sha1" //nolint:gosec // RFC 6455 asks for it
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
)

// handshake is a connection that is being made: it is read and written in turn, by one goroutine,
// until its client is a member. Then the poller takes it over.
type handshake struct {
	conn   net.Conn
	reader *bufio.Reader
	key    [4]byte // masks the frames
	out    []byte

	assembly assembly
	deflate  bool // whether the server may compress messages
	inflater inflater
}

// handshakeBuffer is enough for what a server says before a client is a member.
const handshakeBuffer = 4 << 10

// connect makes a member of a new connection to the server, from an address or nil, with compression if deflate.
func connect(ctx context.Context, d dialect, server *url.URL, client member, from net.Addr, deflate bool) (*handshake, error) {
	conn, err := dialer(from).DialContext(ctx, "tcp", hostPort(server))
	if err != nil {
		return nil, err
	}
	// Closing the connection is what ends a read or write when ctx does.
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	c := &handshake{conn: conn, reader: bufio.NewReaderSize(conn, handshakeBuffer), deflate: deflate}
	if err = c.upgrade(ctx, server.Host, d.target(server)); err == nil {
		err = d.join(c, client)
	}
	if stopped := stop(); err == nil && !stopped {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if errors.Is(err, net.ErrClosed) && ctx.Err() != nil {
			err = fmt.Errorf("the server does not answer: %w", ctx.Err())
		}
		return nil, err
	}
	return c, nil
}

func hostPort(server *url.URL) string {
	if server.Port() == "" {
		return net.JoinHostPort(server.Hostname(), "80")
	}
	return server.Host
}

// upgrade makes a WebSocket of the connection (RFC 6455 section 4.1).
func (c *handshake) upgrade(ctx context.Context, host, target string) error {
	var nonce [16]byte
	_, _ = rand.Read(nonce[:]) // it never fails
	_, _ = rand.Read(c.key[:])
	key := base64.StdEncoding.EncodeToString(nonce[:])
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+host+target, nil)
	if err != nil {
		return err
	}
	request.Header = http.Header{
		"Connection": {"Upgrade"}, "Upgrade": {"websocket"},
		"Sec-WebSocket-Version": {"13"}, "Sec-WebSocket-Key": {key},
		"User-Agent": {"chorus-bench"},
	}
	if c.deflate {
		request.Header.Set("Sec-WebSocket-Extensions", deflateOffer)
	}
	if err := request.Write(c.conn); err != nil {
		return err
	}
	response, err := http.ReadResponse(c.reader, request)
	if err != nil {
		return fmt.Errorf("WebSocket handshake: %w", unexpected(err))
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(io.LimitReader(response.Body, excerptBytes))
		_ = response.Body.Close()
		return fmt.Errorf("%w: WebSocket handshake: %s: %s", ErrRefused, response.Status, excerpt(body))
	}
	_ = response.Body.Close()                                             // a 101 has none
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // RFC 6455 asks for it
	if response.Header.Get("Sec-WebSocket-Accept") != base64.StdEncoding.EncodeToString(sum[:]) {
		return fmt.Errorf("%w: WebSocket handshake: wrong Sec-WebSocket-Accept", ErrProtocol)
	}
	if extensions := response.Header.Get("Sec-WebSocket-Extensions"); c.deflate && !acceptsDeflate(extensions) {
		return fmt.Errorf("%w: WebSocket handshake: the server does not compress: its extensions are %q", ErrRefused, extensions)
	}
	return nil
}

// send sends a message.
func (c *handshake) send(message []byte) error { return c.write(opText, message) }

func (c *handshake) write(op byte, payload []byte) error {
	c.out = appendFrame(c.out[:0], op, payload, c.key)
	_, err := c.conn.Write(c.out)
	return err
}

// receive returns the next message, which has at least one byte.
func (c *handshake) receive() ([]byte, error) {
	for {
		op, payload, err := c.frame()
		if err != nil {
			return nil, err
		}
		op, payload, whole, err := c.assembly.add(op, payload)
		if err != nil {
			return nil, err
		}
		if !whole {
			continue
		}
		if op&opDeflated != 0 {
			if payload, err = inflated(&c.inflater, c.deflate, payload); err != nil {
				return nil, err
			}
		}
		switch op &^ opDeflated {
		case opText, opBinary:
			if len(payload) == 0 {
				return nil, fmt.Errorf("%w: an empty message", ErrProtocol)
			}
			return payload, nil
		case opPing:
			if err := c.write(opPong, payload); err != nil {
				return nil, err
			}
		case opClose:
			return nil, fmt.Errorf("%w: the server closes the connection: %s", ErrRefused, closeReason(payload))
		}
	}
}

// frame reads one frame, which has to fit into the buffer.
func (c *handshake) frame() (byte, []byte, error) {
	for wanted := 2; ; wanted++ {
		wanted = max(wanted, c.reader.Buffered())
		chunk, err := c.reader.Peek(wanted)
		if err != nil {
			return 0, nil, unexpected(err)
		}
		op, payload, size, err := nextFrame(chunk)
		if err != nil {
			return 0, nil, err
		}
		if size > 0 {
			payload = append([]byte(nil), payload...)
			_, err = c.reader.Discard(size)
			return op, payload, err
		}
	}
}

// unread returns what the server has sent beyond the last frame.
func (c *handshake) unread() []byte {
	chunk, _ := c.reader.Peek(c.reader.Buffered()) // they are there
	return append([]byte(nil), chunk...)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// closeReason is the reason of a close frame, behind its code (RFC 6455 section 5.5.1).
func closeReason(payload []byte) string {
	if len(payload) < 2 {
		return "without a reason"
	}
	return fmt.Sprintf("%d %s", int(payload[0])<<8|int(payload[1]), excerpt(payload[2:]))
}

const excerptBytes = 200

// excerpt is the beginning of what a server said, for an error.
func excerpt(text []byte) string {
	if len(text) > excerptBytes {
		text = text[:excerptBytes]
	}
	return strings.ToValidUTF8(strings.TrimSpace(string(text)), "?")
}
