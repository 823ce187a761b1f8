package engine_test

import (
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"chorus/engine"
)

func calm3() engine.Options {
	opts := calm()
	opts.AllowEIO3 = true
	return opts
}

// poll3 opens a session of revision 3 by polling; more is for the query.
func (s *server) poll3(more string) *poller {
	s.t.Helper()
	opened := s.do("GET", "EIO=3&transport=polling"+more, "", nil)
	body := opened.body
	if body != "" && body[0] == 0 {
		s.t.Fatalf("the OPEN packet is in a binary payload: %q", body)
	}
	length, packet, _ := strings.Cut(body, ":")
	if n, err := strconv.Atoi(length); err != nil || n != len(packet) {
		s.t.Fatalf("got %d %q", opened.status, body)
	}
	p := s.pollerOf("EIO=3", packet)
	p.query += more
	return p
}

// Engine.IO protocol 3: a payload is a list of <length>:<packet>, the length counted in characters
// as JavaScript does.
func TestPayloadsOfRevision3(t *testing.T) {
	cases := []struct {
		name, body string
		heard      []string
		answer     string
	}{
		{"one", "6:4hello", []string{"hello"}, "6:4hello"},
		{"several", "6:4test16:4test26:4test3", []string{"test1", "test2", "test3"}, "6:4test16:4test26:4test3"},
		{"not ASCII", "2:4€", []string{"€"}, "2:4€"},
		{"outside of the basic plane", "3:4😀", []string{"😀"}, "3:4😀"},
		{"binary as base64", "10:b4AQIDBA==", []string{"binary: \x01\x02\x03\x04"}, "10:b4AQIDBA=="},
		{"text in a binary payload", "\x00\x06\xff4hello", []string{"hello"}, "6:4hello"},
		{"binary in a binary payload", "\x01\x05\xff\x04\x01\x02\x03\x04", []string{"binary: \x01\x02\x03\x04"}, "10:b4AQIDBA=="},
	}
	s := start(t, calm3(), echo)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := s.poll3("&b64=1")
			contentType := "text/plain;charset=UTF-8"
			if c.body[0] <= 1 {
				contentType = "application/octet-stream"
			}
			s.do("POST", p.query, contentType, strings.NewReader(c.body)).want(t, 200, "ok")
			session := s.session()
			session.wantMessages(c.heard...)
			if session.Protocol() != 3 {
				t.Errorf("the revision is %d", session.Protocol())
			}
			p.get().want(t, 200, c.answer)
		})
	}
}

func TestBinaryPayloadOfRevision3(t *testing.T) {
	s := start(t, calm3(), nil)
	p := s.poll3("")
	s.session().SendMessage(engine.NewMessage(engine.MessageOptions{},
		engine.Part{Data: []byte("hello")}, engine.Part{Data: []byte{1, 2, 3, 4}, Binary: true}))
	got := p.get()
	got.want(t, 200, "\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04")
	if got.header.Get("Content-Type") != "application/octet-stream" {
		t.Errorf("the content type is %q", got.header.Get("Content-Type"))
	}
}

func TestInvalidPayloadsOfRevision3(t *testing.T) {
	s := start(t, calm3(), nil)
	for name, body := range map[string]string{
		"empty": "", "no length": "abc", "length that is too long": "9:4a", "length that is none": "x:4a",
		"empty packet": "0:", "unknown type": "1:9", "binary payload that breaks off": "\x00\x05\xff4",
	} {
		t.Run(name, func(t *testing.T) {
			p := s.poll3("")
			session := s.session()
			waiting := p.getLater()
			p.post(body).wantRefusal(t, 400, 3, "Bad request")
			session.wantClosed("parse error")
			receive(t, "the answer to the GET", waiting).want(t, 200, "1:1")
		})
	}
}

func TestCloseOfRevision3(t *testing.T) {
	s := start(t, calm3(), nil)
	p := s.poll3("")
	waiting := p.getLater()
	p.post("1:1").want(t, 200, "ok")
	receive(t, "the answer to the GET", waiting).want(t, 200, "1:6")
	s.session().wantClosed("transport close")
}

// Engine.IO protocol 3: binary has its packet type in front on a WebSocket.
func TestWebSocketOfRevision3(t *testing.T) {
	s := start(t, calm3(), echo)
	ws := s.dial("EIO=3&transport=websocket", nil)
	ws.wantOpen()
	ws.send("4hello")
	ws.want("4hello")
	ws.write(frame(fin|opBinary, "\x04\x01\x02"))
	ws.wantFrame(fin|opBinary, "\x04\x01\x02")
	ws.send("b4AQI=")
	ws.wantFrame(fin|opBinary, "\x04\x01\x02")
	s.session().wantMessages("hello", "binary: \x01\x02", "binary: \x01\x02")

	for name, f := range map[string][]byte{
		"no type": frame(fin|opBinary, ""), "another type": frame(fin|opBinary, "\x02a"), "base64 without type": textFrame("bAQI="),
	} {
		t.Run(name, func(t *testing.T) {
			ws := s.dial("EIO=3&transport=websocket", nil)
			ws.wantOpen()
			ws.write(f)
			ws.wantEnd(1002)
			s.session().wantClosed("parse error")
		})
	}
}

func TestBothRevisionsGetABroadcast(t *testing.T) {
	s := start(t, calm3(), nil)
	four := s.connect()
	first := s.session()
	three := s.dial("EIO=3&transport=websocket", nil)
	three.wantOpen()
	second := s.session()
	engine.Broadcast(engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: []byte("a")}, engine.Part{Data: []byte("b"), Binary: true}),
		nil, engine.NewReceivers([]*engine.Conn{first.Conn, second.Conn}))
	four.want("4a")
	four.wantFrame(fin|opBinary, "b")
	three.want("4a")
	three.wantFrame(fin|opBinary, "\x04b")
}

func TestUpgradeOfRevision3(t *testing.T) {
	s := start(t, calm3(), echo)
	p := s.poll3("")
	waiting := p.getLater()
	ws := p.dial("EIO=3&transport=websocket&sid="+p.sid, nil)
	ws.send("2probe")
	ws.want("3probe")
	receive(t, "the answer to the GET", waiting).want(t, 200, "1:6")
	ws.send("5", "4hello")
	ws.want("4hello")
	p.get().wantRefusal(t, 400, 3, "Bad request")
}

var jsonpAnswer = regexp.MustCompile(`^___eio\[7\]\("(.*)"\);$`)

// Engine.IO protocol 3: JSONP.
func TestJSONP(t *testing.T) {
	s := start(t, calm3(), nil)
	opened := s.do("GET", "EIO=3&transport=polling&j=7", "", nil)
	found := jsonpAnswer.FindStringSubmatch(opened.body)
	if found == nil || opened.header.Get("Content-Type") != "text/javascript; charset=UTF-8" {
		t.Fatalf("got %q, %v", opened.body, opened.header)
	}
	text, err := strconv.Unquote(`"` + found[1] + `"`)
	if err != nil {
		t.Fatal(err)
	}
	_, packet, _ := strings.Cut(text, ":")
	p := s.pollerOf("EIO=3", packet)
	p.query += "&j=7"
	session := s.session()

	post := func(payload string) answer {
		return s.do("POST", p.query, "application/x-www-form-urlencoded", strings.NewReader(url.Values{"d": {payload}}.Encode()))
	}
	post(`6:4hello`).want(t, 200, "ok")
	post(`10:b4AQIDBA==`).want(t, 200, "ok")
	post(`4:4a\nb`).want(t, 200, "ok")
	post(`5:4a\\nb`).want(t, 200, "ok")
	session.wantMessages("hello", "binary: \x01\x02\x03\x04", "a\nb", `a\nb`)

	// What would end the script, or a line of it, must not.
	session.SendMessage(textMessage("</script>\u2028\"\n\\"))
	p.get().want(t, 200, `___eio[7]("14:4\u003c/script\u003e\u2028\"\n\\");`)
	session.SendMessage(engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: []byte{1, 2}, Binary: true}))
	p.get().want(t, 200, `___eio[7]("6:b4AQI=");`)

	p.query = strings.Replace(p.query, "j=7", "j=alert(1)", 1)
	session.SendMessage(textMessage("x"))
	p.get().want(t, 200, `___eio[1]("2:4x");`)

	s.do("POST", p.query, "application/x-www-form-urlencoded", strings.NewReader("x=1")).wantRefusal(t, 400, 3, "Bad request")
	session.wantClosed("parse error")
}
