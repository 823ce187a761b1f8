package engine_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"chorus/engine"
)

// Engine.IO protocol: HTTP long-polling, packet encoding; its test suite: message.
func TestPollingMessages(t *testing.T) {
	cases := []struct {
		name  string
		body  string
		heard []string
	}{
		{"one", "4hello", []string{"hello"}},
		{"several", "4test1\x1e4test2\x1e4test3", []string{"test1", "test2", "test3"}},
		{"binary", "4hello\x1ebAQIDBA==", []string{"hello", "binary: \x01\x02\x03\x04"}},
		{"empty text", "4", []string{""}},
		{"empty binary", "b", []string{"binary: "}},
		{"not ASCII", "4€ und 😀", []string{"€ und 😀"}},
		{"packets that are for servers to send", "0{}\x1e5\x1e6\x1e4hello", []string{"hello"}},
	}
	s := start(t, calm(), echo)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := s.poll()
			answer := p.post(c.body)
			answer.want(t, 200, "ok")
			if got := answer.header.Get("Content-Type"); got != "text/html" {
				t.Errorf("the answer is of type %q", got)
			}
			s.session().wantMessages(c.heard...)
			got := p.get()
			got.want(t, 200, strings.TrimPrefix(c.body, "0{}\x1e5\x1e6\x1e"))
			if header := got.header; header.Get("Content-Type") != "text/plain; charset=UTF-8" || header.Get("Cache-Control") != "no-store" {
				t.Errorf("the answer has %v", header)
			}
		})
	}
}

func TestWaitingRequestIsAnswered(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	for i := range 3 {
		got := p.getLater()
		session.SendMessage(textMessage(fmt.Sprint("hi", i)))
		receive(t, "the answer", got).want(t, 200, fmt.Sprint("4hi", i))
	}
}

func TestInvalidPayloadsCloseTheSession(t *testing.T) {
	cases := []struct{ name, body, reason string }{
		{"empty", "", "parse error"},
		{"unknown type", "abc", "parse error"},
		{"unknown type 7", "7", "parse error"},
		{"empty packet", "4a\x1e\x1e4b", "parse error"},
		{"separator at the end", "4a\x1e", "parse error"},
		{"base64", "b!!!!", "parse error"},
		{"half base64", "bA", "parse error"},
		{"not UTF-8", "4\xff\xfe", "parse error"},
		{"a good one before", "4good\x1eabc", "parse error"},
		{"ping in the wrong direction", "2", "transport error"},
		{"too many", strings.Repeat("4\x1e", 1000) + "4", "parse error"},
	}
	s := start(t, calm(), nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := s.poll()
			session := s.session()
			waiting := p.getLater()
			p.post(c.body).wantRefusal(t, 400, 3, "Bad request")
			session.wantClosed(c.reason)
			receive(t, "the answer to the GET", waiting).want(t, 200, "1")
			p.get().wantRefusal(t, 400, 1, "Session ID unknown")
			if len(session.messages) != 0 {
				t.Errorf("of a payload that is refused, %q was taken", <-session.messages)
			}
		})
	}
}

func TestMaxBodyPackets(t *testing.T) {
	opts := calm()
	opts.MaxBodyPackets = 3
	s := start(t, opts, nil)
	p := s.poll()
	session := s.session()
	p.post("4a\x1e4b\x1e4c").want(t, 200, "ok")
	session.wantMessages("a", "b", "c")
	p.post("4a\x1e4b\x1e4c\x1e4d").wantRefusal(t, 400, 3, "Bad request")
	session.wantClosed("parse error")
}

func TestMaxPayloadOfABody(t *testing.T) {
	opts := calm()
	opts.MaxPayload = 1000
	for name, chunked := range map[string]bool{"with its length": false, "chunked": true} {
		t.Run(name, func(t *testing.T) {
			s := start(t, opts, nil)
			p := s.poll()
			session := s.session()
			post := func(body string) answer {
				r, _ := http.NewRequest(http.MethodPost, s.url+"/?"+p.query, strings.NewReader(body))
				if chunked {
					r.ContentLength = -1
				}
				return s.roundTrip(r)
			}
			post("4"+strings.Repeat("x", 999)).want(t, 200, "ok")
			session.wantMessages(strings.Repeat("x", 999))
			if got := post("4" + strings.Repeat("x", 1000)); got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("got %d %q, %v", got.status, got.body, got.err)
			}
			session.wantClosed("transport error")
		})
	}
}

// Engine.IO protocol 4: binary is base64 in a text. The type would say otherwise.
func TestBinaryContentType(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	s.do("POST", p.query, "application/octet-stream", strings.NewReader("4a")).wantRefusal(t, 400, 3, "Bad request")
	s.session().wantClosed("parse error")
}

// Engine.IO protocol, test suite: closes the session upon duplicate poll requests.
func TestSecondRequestClosesTheSession(t *testing.T) {
	t.Run("GET", func(t *testing.T) {
		s := start(t, calm(), nil)
		p := s.poll()
		first := p.getLater()
		p.get().wantRefusal(t, 400, 3, "Bad request")
		receive(t, "the first answer", first).want(t, 200, "1")
		s.session().wantClosed("transport error")
		p.get().wantRefusal(t, 400, 1, "Session ID unknown")
	})
	t.Run("POST", func(t *testing.T) {
		s := start(t, calm(), nil)
		p := s.poll()
		session := s.session()
		first := s.beginPOST(p, 2, "4")
		eventually(t, "the first request is being read", session.Posting)
		p.post("4b").wantRefusal(t, 400, 3, "Bad request")
		session.wantClosed("transport error")
		first.finish("a").wantRefusal(t, 400, 3, "Bad request")
		if len(session.messages) != 0 {
			t.Error("a message was taken")
		}
	})
}

// halfPOST is a request whose body has not arrived yet.
type halfPOST struct {
	t    *testing.T
	conn net.Conn
}

// beginPOST sends the beginning of a request with a body of n bytes.
func (s *server) beginPOST(p *poller, n int, body string) *halfPOST {
	s.t.Helper()
	conn, err := net.Dial("tcp", s.addr)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = conn.Close() })
	_, _ = fmt.Fprintf(conn, "POST /engine.io/?%s HTTP/1.1\r\nHost: test\r\nContent-Length: %d\r\n\r\n%s", p.query, n, body)
	return &halfPOST{t: s.t, conn: conn}
}

// finish sends the rest, and returns the answer.
func (h *halfPOST) finish(body string) answer {
	h.t.Helper()
	_, _ = io.WriteString(h.conn, body)
	_ = h.conn.SetReadDeadline(time.Now().Add(patience))
	response, err := http.ReadResponse(bufio.NewReader(h.conn), nil)
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	return answer{status: response.StatusCode, body: string(content), header: response.Header, err: err}
}

func TestCancelledGETClosesTheSession(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	ctx, cancel := context.WithCancel(t.Context())
	got := p.getLaterContext(ctx)
	cancel()
	s.session().wantClosed("transport close")
	if receive(t, "the answer", got).err == nil {
		t.Error("a cancelled request was answered")
	}
	p.get().wantRefusal(t, 400, 1, "Session ID unknown")
}

// Engine.IO protocol, test suite: close.
func TestCloseOfTheClient(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	waiting := p.getLater()
	p.post("4last\x1e1\x1e4never").want(t, 200, "ok")
	receive(t, "the answer to the GET", waiting).want(t, 200, "6")
	session := s.session()
	session.wantClosed("transport close")
	session.wantMessages("last")
	p.get().wantRefusal(t, 400, 1, "Session ID unknown")
	if len(session.messages) != 0 {
		t.Error("what came behind CLOSE was taken")
	}
}

func TestBodyTimeout(t *testing.T) {
	opts := calm()
	opts.BodyTimeout = 50 * time.Millisecond
	s := start(t, opts, nil)
	p := s.poll()
	s.beginPOST(p, 10, "4a").finish("").wantRefusal(t, 400, 3, "Bad request")
	s.session().wantClosed("transport close")
}

func TestBinaryToAPoller(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	session.SendMessage(engine.NewMessage(engine.MessageOptions{},
		engine.Part{Data: []byte("51-[]")}, engine.Part{Data: []byte{0xfb, 0xff}, Binary: true}))
	session.SendMessage(textMessage("next"))
	got := p.get()
	if got.body == "451-[]\x1eb+/8=" { // the request came between the two messages
		got.body += "\x1e" + p.get().body
	}
	got.want(t, 200, "451-[]\x1eb+/8=\x1e4next")
}

// What is sent between two requests waits for the next one, in order.
func TestMessagesBetweenRequests(t *testing.T) {
	s := start(t, calm(), func(s *session) { s.SendMessage(textMessage("with OPEN")) })
	opened := s.do("GET", "EIO=4&transport=polling", "", nil)
	p := s.pollerOf("EIO=4", opened.body)
	_, rest, _ := strings.Cut(opened.body, "\x1e")
	session := s.session()
	want := []string{"4with OPEN"}
	for i := range 100 {
		text := fmt.Sprint(i)
		session.SendMessage(textMessage(text))
		want = append(want, "4"+text)
		if i%10 == 0 {
			rest += "\x1e" + p.get().body
		}
	}
	for !strings.HasSuffix(rest, "499") {
		rest += "\x1e" + p.get().body
	}
	if got := strings.Split(strings.TrimPrefix(rest, "\x1e"), "\x1e"); !slices.Equal(got, want) {
		t.Errorf("got %q", got)
	}
}

// A client that polls on several connections may send its next request as soon as it has the answer
// to the last one.
func TestRequestsInQuickSuccession(t *testing.T) {
	s := start(t, calm(), echo)
	p := s.poll()
	for range 300 {
		p.post("4a").want(t, 200, "ok")
		p.get().want(t, 200, "4a")
	}
}
