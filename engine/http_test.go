package engine_test

import (
	"compress/gzip"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"chorus/engine"

	"github.com/andybalholm/brotli"
)

func TestFirstSubprotocolIsAnswered(t *testing.T) {
	s := start(t, calm(), nil)
	for offer, want := range map[string]string{"v1": "v1", "v2, v1": "v2", "": ""} {
		var headers []string
		if offer != "" {
			headers = []string{"Sec-WebSocket-Protocol: " + offer}
		}
		if got := s.connect(headers...).header.Get("Sec-WebSocket-Protocol"); got != want {
			t.Errorf("%q is answered with %q", offer, got)
		}
	}
}

func TestQueriesThatAreIllFormed(t *testing.T) {
	s := start(t, calm3(), nil)
	for _, query := range []string{
		"EIO=4&transport=polling&a=1;b=2", "a=1;b=2&EIO=4&transport=polling", "a=%&EIO=4&transport=polling",
		"%zz=1&EIO=4&transport=polling", "EIO=%34&transport=polling", "&&EIO=4&&transport=polling&=", "a=%e2%82&EIO=4&transport=polling",
	} {
		if got := s.do("GET", query, "", nil); got.status != 200 {
			t.Errorf("%s: %d %s", query, got.status, got.body)
		}
	}
}

func TestRevisionThatIsMissing(t *testing.T) {
	s := start(t, calm3(), nil)
	if got := s.do("GET", "transport=polling&b64=1", "", nil); got.status != 200 || s.session().Protocol() != 3 {
		t.Errorf("got %d %s", got.status, got.body)
	}
	ws := s.dial("transport=websocket", nil)
	ws.wantOpen()
	if p := s.session().Protocol(); p != 3 {
		t.Errorf("the revision is %d", p)
	}
}

func TestOptionsIsAnswered(t *testing.T) {
	s := start(t, calm(), nil)
	s.do("OPTIONS", "EIO=4&transport=polling", "", nil).want(t, 204, "")
}

// A client that says b64 takes no binary, by any transport of its session.
func TestClientsWithoutBinary(t *testing.T) {
	binary := engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: []byte{1, 2, 3, 4}, Binary: true})
	s := start(t, calm3(), nil)
	for _, c := range []struct{ revision, text, polled string }{
		{"4", "bAQIDBA==", "bAQIDBA=="},
		{"3", "b4AQIDBA==", "10:b4AQIDBA=="},
	} {
		t.Run("revision "+c.revision, func(t *testing.T) {
			ws := s.dial("EIO="+c.revision+"&transport=websocket&b64=1", nil)
			ws.wantOpen()
			session := s.session()
			session.SendMessage(binary)
			ws.want(c.text)
			engine.Broadcast(binary, nil, engine.NewReceivers([]*engine.Conn{session.Conn}))
			ws.want(c.text)

			opened := s.do("GET", "EIO="+c.revision+"&transport=polling&b64=1", "", nil)
			session = s.session()
			query := "EIO=" + c.revision + "&transport=polling&sid=" + session.Id()
			if opened.status != 200 {
				t.Fatal(opened)
			}
			session.SendMessage(binary)
			s.do("GET", query, "", nil).want(t, 200, c.polled) // which does not repeat b64
			probe := s.dial("EIO="+c.revision+"&transport=websocket&sid="+session.Id(), nil)
			probe.send("2probe")
			probe.want("3probe")
			probe.send("5")
			eventually(t, "the session is upgraded", session.Upgraded)
			session.SendMessage(binary)
			probe.want(c.text)
		})
	}
}

func TestBase64WithoutPadding(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	p.post("bAQIDBA\x1ebAQIDBA==").want(t, 200, "ok")
	s.session().wantMessages("binary: \x01\x02\x03\x04", "binary: \x01\x02\x03\x04")
}

// A client learns that its body is too large, whether it says so before or sends on and on.
func TestBodyThatIsTooLarge(t *testing.T) {
	opts := calm()
	opts.MaxPayload = 10_000
	s := start(t, opts, nil)
	for name, body := range map[string]func() io.Reader{
		"with its length":    func() io.Reader { return strings.NewReader("4" + strings.Repeat("x", 8<<20)) },
		"without its length": func() io.Reader { return io.LimitReader(endless{}, 8<<20) },
	} {
		t.Run(name, func(t *testing.T) {
			p := s.poll()
			session := s.session()
			waiting := p.getLater()
			got := p.do("POST", p.query, "text/plain", body())
			if got.err != nil || got.status != http.StatusRequestEntityTooLarge {
				t.Errorf("got %d %v", got.status, got.err)
			}
			select {
			case got := <-waiting:
				t.Errorf("the waiting request was answered first: %d %q", got.status, got.body)
			default:
			}
			session.wantClosed("transport error")
			receive(t, "the answer to the GET", waiting)
		})
	}
}

type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

func TestTimeoutsCloseWithAFrame(t *testing.T) {
	t.Run("ping", func(t *testing.T) {
		s := start(t, engine.Options{PingInterval: 20 * time.Millisecond, PingTimeout: 20 * time.Millisecond}, nil)
		ws := s.connect()
		ws.want("2")
		ws.wantEnd(0)
		s.session().wantClosed("ping timeout")
	})
	t.Run("upgrade", func(t *testing.T) {
		opts := calm()
		opts.UpgradeTimeout = 20 * time.Millisecond
		s := start(t, opts, nil)
		ws := s.poll().probe()
		ws.wantEnd(0)
		s.session().wantOpen()
	})
}

func TestPollingAnswersAreCompressed(t *testing.T) {
	long := strings.Repeat("compressible ", 100)
	for _, c := range []struct {
		name, accept, coding string
		options              engine.MessageOptions
		text                 string
	}{
		{"gzip", "gzip, deflate", "gzip", engine.MessageOptions{}, long},
		{"brotli", "gzip, deflate, br", "br", engine.MessageOptions{}, long},
		{"gzip preferred", "gzip;q=1, br;q=0.5", "gzip", engine.MessageOptions{}, long},
		{"refused", "gzip;q=0, br;q=0.0", "", engine.MessageOptions{}, long},
		{"not asked for", "identity", "", engine.MessageOptions{}, long},
		{"short", "gzip", "", engine.MessageOptions{}, "short"},
		{"marked by the program", "gzip", "", engine.MessageOptions{NoCompress: true}, long},
		{"CONNECT packet", "gzip", "", engine.MessageOptions{}, "0" + long},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, calm(), nil)
			p := s.poll()
			s.session().SendMessage(engine.NewMessage(c.options, engine.Part{Data: []byte(c.text)}))
			r, _ := http.NewRequest("GET", s.url+"/engine.io/?"+p.query, nil)
			r.Header.Set("Accept-Encoding", c.accept)
			got := s.roundTrip(r)
			if coding := got.header.Get("Content-Encoding"); coding != c.coding {
				t.Fatalf("the coding is %q, want %q", coding, c.coding)
			}
			var rd io.Reader = strings.NewReader(got.body)
			switch c.coding {
			case "gzip":
				rd, _ = gzip.NewReader(rd)
			case "br":
				rd = brotli.NewReader(rd)
			}
			body, err := io.ReadAll(rd)
			if string(body) != "4"+c.text || err != nil {
				t.Errorf("got %.100q, %v", body, err)
			}
		})
	}
}
