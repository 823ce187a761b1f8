package engine_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"chorus/engine"

	"github.com/zishang520/socket.io/parsers/engine/v3/packet"
	"github.com/zishang520/socket.io/servers/engine/v3/transports"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// patience is how long a test waits for what must come.
const patience = 10 * time.Second

// calm are options of tests that do not want to be disturbed by heartbeats.
func calm() engine.Options {
	return engine.Options{PingInterval: time.Minute, PingTimeout: time.Minute}
}

// server is an engine behind an HTTP server, until the test ends.
type server struct {
	*engine.Server
	t        *testing.T
	url      string // http://address
	addr     string
	client   *http.Client
	sessions chan *session
}

// session is the server's side of a client.
type session struct {
	*engine.Conn
	t        *testing.T
	messages chan string // text as it is, binary as "binary: ..."
	closed   chan string // the reason
}

// start runs an engine. prepare, unless it is nil, is called with each session while the listeners
// of "connection" are.
func start(t *testing.T, opts engine.Options, prepare func(*session)) *server {
	t.Helper()
	return startOn(t, opts, prepare, (*httptest.Server).Start)
}

func startOn(t *testing.T, opts engine.Options, prepare func(*session), listen func(*httptest.Server)) *server {
	t.Helper()
	s := &server{Server: engine.New(opts), t: t, sessions: make(chan *session, 4096)}
	_ = s.On("connection", func(args ...any) {
		session := &session{
			Conn:     args[0].(*engine.Conn),
			t:        t,
			messages: make(chan string, 1<<16),
			closed:   make(chan string, 2),
		}
		_ = session.On("message", func(args ...any) { session.messages <- textOf(args[0]) })
		_ = session.On("close", func(args ...any) { session.closed <- args[0].(string) })
		if prepare != nil {
			prepare(session)
		}
		s.sessions <- session
	})
	h := httptest.NewUnstartedServer(s)
	listen(h)
	s.url, s.addr, s.client = h.URL, h.Listener.Addr().String(), h.Client()
	s.client.Timeout = patience
	s.client.CheckRedirect = nil
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := s.Shutdown(ctx); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		h.CloseClientConnections()
		h.Close()
	})
	return s
}

// textOf returns what a listener of "message" gets as the tests compare it.
func textOf(value any) string {
	if text, ok := value.(*types.StringBuffer); ok {
		return strings.Clone(text.String())
	}
	return "binary: " + value.(*types.BytesBuffer).String()
}

// echo sends every message back.
func echo(s *session) {
	_ = s.On("data", func(args ...any) {
		text, ok := args[0].(*types.StringBuffer)
		if !ok {
			s.SendMessage(engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: args[0].(*types.BytesBuffer).Bytes(), Binary: true}))
			return
		}
		s.SendMessage(textMessage(text.String()))
	})
}

func textMessage(text string) *engine.Message { return latest("", text) }

func latest(name, text string) *engine.Message {
	return engine.NewMessage(engine.MessageOptions{Latest: name}, engine.Part{Data: []byte(text)})
}

func volatile(text string) *engine.Message {
	return engine.NewMessage(engine.MessageOptions{Volatile: true}, engine.Part{Data: []byte(text)})
}

// session returns the next session that has begun.
func (s *server) session() *session {
	s.t.Helper()
	return receive(s.t, "a session", s.sessions)
}

func (s *session) wantMessages(want ...string) {
	s.t.Helper()
	for _, text := range want {
		if got := receive(s.t, "the message "+text, s.messages); got != text {
			s.t.Fatalf("the server heard %.80q, want %.80q", got, text)
		}
	}
}

func (s *session) wantClosed(reason string) {
	s.t.Helper()
	if got := receive(s.t, "the end of the session", s.closed); got != reason {
		s.t.Fatalf("closed for %q, want %q", got, reason)
	}
	if state := s.ReadyState(); state != "closed" {
		s.t.Fatalf("the state of a closed session is %q", state)
	}
}

func (s *session) wantOpen() {
	s.t.Helper()
	select {
	case reason := <-s.closed:
		s.t.Fatalf("the session has ended: %s", reason)
	default:
	}
}

// receive returns the next value of a channel, which must come.
func receive[T any](t testing.TB, what string, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(patience):
		t.Fatalf("waited in vain for %s", what)
		panic("unreachable")
	}
}

// eventually fails unless the condition comes true.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("it never came about that %s", what)
		}
	}
}

// answer is what a request of HTTP got.
type answer struct {
	status int
	body   string
	header http.Header
	err    error
}

func (a answer) want(t *testing.T, status int, body string) {
	t.Helper()
	if a.err != nil {
		t.Fatal(a.err)
	}
	if a.status != status || a.body != body {
		t.Fatalf("got %d %.200q, want %d %.200q", a.status, a.body, status, body)
	}
}

// wantRefusal fails unless the answer has a status and, in its JSON, a code.
func (a answer) wantRefusal(t *testing.T, status, code int, message string) {
	t.Helper()
	var refusal struct {
		Code    int
		Message string
	}
	if err := json.Unmarshal([]byte(a.body), &refusal); err != nil {
		t.Fatalf("got %d %.200q, %v: not the JSON of a refusal", a.status, a.body, a.err)
	}
	if a.status != status || refusal.Code != code || refusal.Message != message {
		t.Fatalf("got %d %s, want %d with code %d, %q", a.status, a.body, status, code, message)
	}
	if got := a.header.Get("Content-Type"); got != "application/json" {
		t.Errorf("the content type is %q", got)
	}
}

func (s *server) do(method, query, contentType string, body io.Reader) answer {
	return s.doContext(context.Background(), method, query, contentType, body)
}

func (s *server) doContext(ctx context.Context, method, query, contentType string, body io.Reader) answer {
	r, err := http.NewRequestWithContext(ctx, method, s.url+"/engine.io/?"+query, body)
	if err != nil {
		return answer{err: err}
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return s.roundTrip(r)
}

func (s *server) roundTrip(r *http.Request) answer {
	response, err := s.client.Do(r)
	if err != nil {
		return answer{err: err}
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(content), header: response.Header, err: err}
}

// poller is a client of long-polling.
type poller struct {
	*server
	query string // with the sid
	sid   string
	open  handshake
}

type handshake struct {
	SID          string
	Upgrades     []string
	PingInterval int
	PingTimeout  int
	MaxPayload   int
}

// poll opens a session of Engine.IO 4 by polling.
func (s *server) poll() *poller {
	s.t.Helper()
	opened := s.do(http.MethodGet, "EIO=4&transport=polling", "", nil)
	if opened.err != nil || opened.status != http.StatusOK {
		s.t.Fatalf("handshake: %d %q %v", opened.status, opened.body, opened.err)
	}
	return s.pollerOf("EIO=4", opened.body)
}

func (s *server) pollerOf(revision, packet string) *poller {
	s.t.Helper()
	p := &poller{server: s}
	if !strings.HasPrefix(packet, "0{") {
		s.t.Fatalf("got %q, which is no OPEN packet", packet)
	}
	packet, _, _ = strings.Cut(packet, "\x1e")
	if err := json.Unmarshal([]byte(packet[1:]), &p.open); err != nil {
		s.t.Fatal(err)
	}
	p.sid = p.open.SID
	p.query = revision + "&transport=polling&sid=" + p.sid
	return p
}

func (p *poller) get() answer { return p.do(http.MethodGet, p.query, "", nil) }

func (p *poller) post(body string) answer {
	return p.do(http.MethodPost, p.query, "text/plain;charset=UTF-8", strings.NewReader(body))
}

// getLater sends a GET request and returns once it waits.
func (p *poller) getLater() <-chan answer {
	p.t.Helper()
	return p.getLaterContext(context.Background())
}

func (p *poller) getLaterContext(ctx context.Context) <-chan answer {
	p.t.Helper()
	got := make(chan answer, 1)
	go func() { got <- p.doContext(ctx, http.MethodGet, p.query, "", nil) }() // ends with the request
	p.awaitWaiting()
	return got
}

// awaitWaiting returns when a request of the session waits for something.
func (p *poller) awaitWaiting() {
	p.t.Helper()
	eventually(p.t, "a request waits", func() bool {
		c, ok := p.Clients().Load(p.sid)
		return ok && c.Transport().Writable()
	})
}

// Frames of RFC 6455, made here so that the tests share no code with the engine.
const (
	opContinuation = 0x0
	opText         = 0x1
	opBinary       = 0x2
	opClose        = 0x8
	opPing         = 0x9
	opPong         = 0xa

	fin  = 0x80
	rsv1 = 0x40
	rsv2 = 0x20
	rsv3 = 0x10
)

var mask = [4]byte{0x37, 0xfa, 0x21, 0x3d}

// frame returns a masked frame; first is the first byte: FIN, RSV bits and opcode.
func frame(first byte, payload string) []byte {
	b := header(first, 0x80, len(payload))
	b = append(b, mask[:]...)
	for i := range len(payload) {
		b = append(b, payload[i]^mask[i%4])
	}
	return b
}

func header(first, masked byte, n int) []byte {
	switch {
	case n < 126:
		return []byte{first, masked | byte(n)}
	case n < 1<<16:
		return binary.BigEndian.AppendUint16([]byte{first, masked | 126}, uint16(n))
	default:
		return binary.BigEndian.AppendUint64([]byte{first, masked | 127}, uint64(n))
	}
}

func textFrame(payload string) []byte { return frame(fin|opText, payload) }

func closeFrame(code int, reason string) string {
	return string(binary.BigEndian.AppendUint16(nil, uint16(code))) + reason
}

// wsClient speaks frames over a connection of its own.
type wsClient struct {
	t      testing.TB
	conn   net.Conn
	rd     *bufio.Reader
	status int
	header http.Header
}

// received is a frame of the server.
type received struct {
	first   byte
	payload string
}

// dial opens a connection and sends the handshake of a WebSocket, with early right behind it. The
// answer may be a refusal.
func (s *server) dial(query string, early []byte, headers ...string) *wsClient {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	return upgradeOn(s.t, conn, query, early, headers...)
}

func upgradeOn(t testing.TB, conn net.Conn, query string, early []byte, headers ...string) *wsClient {
	t.Helper()
	c := &wsClient{t: t, conn: conn, rd: bufio.NewReader(conn)}
	t.Cleanup(func() { _ = conn.Close() })
	key := base64.StdEncoding.EncodeToString([]byte("0123456789abcdef"))
	request := "GET /engine.io/?" + query + " HTTP/1.1\r\nHost: test\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + key + "\r\n"
	for _, line := range headers {
		request += line + "\r\n"
	}
	c.write(append([]byte(request+"\r\n"), early...))
	_ = conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(c.rd, nil)
	if err != nil {
		t.Fatalf("handshake: %v", err)
	}
	c.status, c.header = response.StatusCode, response.Header
	if c.status != http.StatusSwitchingProtocols {
		body, _ := io.ReadAll(response.Body)
		c.rd = bufio.NewReader(bytes.NewReader(body))
	}
	_ = response.Body.Close()
	return c
}

// connect opens a session of Engine.IO 4 on a WebSocket and reads the OPEN packet.
func (s *server) connect(headers ...string) *wsClient {
	s.t.Helper()
	c := s.dial("EIO=4&transport=websocket", nil, headers...)
	c.wantOpen()
	return c
}

func (c *wsClient) wantOpen() handshake {
	c.t.Helper()
	if c.status != http.StatusSwitchingProtocols {
		c.t.Fatalf("the handshake was refused with %d", c.status)
	}
	f := c.read()
	if f.first == fin|rsv1|opText {
		f = received{first: fin | opText, payload: decompressed(c.t, f.payload)}
	}
	var open handshake
	if f.first != fin|opText || !strings.HasPrefix(f.payload, "0{") || json.Unmarshal([]byte(f.payload[1:]), &open) != nil {
		c.t.Fatalf("got %x %q, which is no OPEN packet", f.first, f.payload)
	}
	return open
}

func (c *wsClient) answer() answer {
	body, err := io.ReadAll(c.rd)
	return answer{status: c.status, body: string(body), header: c.header, err: err}
}

func (c *wsClient) write(b []byte) {
	c.t.Helper()
	_ = c.conn.SetWriteDeadline(time.Now().Add(patience))
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatalf("write: %v", err)
	}
}

func (c *wsClient) send(packets ...string) {
	c.t.Helper()
	for _, packet := range packets {
		c.write(textFrame(packet))
	}
}

// next reads a frame.
func (c *wsClient) next() (received, error) {
	_ = c.conn.SetReadDeadline(time.Now().Add(patience))
	var head [2]byte
	if _, err := io.ReadFull(c.rd, head[:]); err != nil {
		return received{}, err
	}
	if head[1]&0x80 != 0 {
		return received{}, errors.New("the server masks a frame")
	}
	n := uint64(head[1])
	switch n {
	case 126:
		var length [2]byte
		if _, err := io.ReadFull(c.rd, length[:]); err != nil {
			return received{}, err
		}
		n = uint64(binary.BigEndian.Uint16(length[:]))
	case 127:
		var length [8]byte
		if _, err := io.ReadFull(c.rd, length[:]); err != nil {
			return received{}, err
		}
		n = binary.BigEndian.Uint64(length[:])
	}
	if n > 64<<20 {
		return received{}, fmt.Errorf("a frame of %d bytes", n)
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(c.rd, payload)
	return received{first: head[0], payload: string(payload)}, err
}

func (c *wsClient) read() received {
	c.t.Helper()
	f, err := c.next()
	if err != nil {
		c.t.Fatalf("read: %v", err)
	}
	return f
}

// want fails unless these text frames come next.
func (c *wsClient) want(packets ...string) {
	c.t.Helper()
	for _, packet := range packets {
		c.wantFrame(fin|opText, packet)
	}
}

func (c *wsClient) wantFrame(first byte, payload string) {
	c.t.Helper()
	if f := c.read(); f.first != first || f.payload != payload {
		c.t.Fatalf("got %x %.200q, want %x %.200q", f.first, f.payload, first, payload)
	}
}

// wantEnd fails unless a close frame with the code comes next, 0 standing for none, and then the
// end of the connection.
func (c *wsClient) wantEnd(code int) {
	c.t.Helper()
	f := c.read()
	want := ""
	if code != 0 {
		want = closeFrame(code, "")
	}
	if f.first != fin|opClose || f.payload != want {
		c.t.Fatalf("got %x %.200q, want a close frame with code %d", f.first, f.payload, code)
	}
	if f, err := c.next(); !errors.Is(err, io.EOF) {
		c.t.Fatalf("behind the close frame came %x %q, %v", f.first, f.payload, err)
	}
	_ = c.conn.Close()
}

// wantGone fails unless the connection ends; what comes before does not matter.
func (c *wsClient) wantGone() {
	c.t.Helper()
	for {
		_, err := c.next()
		var timeout net.Error
		switch {
		case errors.As(err, &timeout) && timeout.Timeout():
			c.t.Fatal("the connection stays open")
		case err != nil:
			_ = c.conn.Close()
			return
		}
	}
}

// packetOf returns what a listener of "packet" gets as the tests compare it.
func packetOf(value any) string {
	p := value.(*packet.Packet)
	switch data := p.Data.(type) {
	case *types.StringBuffer:
		return string(p.Type) + ": " + data.String()
	case *types.BytesBuffer:
		return string(p.Type) + ": binary: " + data.String()
	default:
		return string(p.Type)
	}
}

func eventName(name string) types.EventName { return types.EventName(name) }

type transport = transports.Transport

func newText(text string) *types.StringBuffer {
	return types.NewStringBufferString(text).(*types.StringBuffer)
}
