package engine_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/engine"
)

// probe opens a WebSocket for the session and has it answered.
func (p *poller) probe() *wsClient {
	p.t.Helper()
	ws := p.dial(p.upgradeQuery(), nil)
	if ws.status != 101 {
		p.t.Fatalf("the WebSocket was refused with %d", ws.status)
	}
	ws.send("2probe")
	ws.want("3probe")
	return ws
}

func (p *poller) upgradeQuery() string { return "EIO=4&transport=websocket&sid=" + p.sid }

// Engine.IO protocol: upgrade; its test suite has the same steps.
func TestUpgrade(t *testing.T) {
	upgraded := make(chan string, 2)
	s := start(t, calm(), func(s *session) {
		echo(s)
		for _, event := range []string{"upgrading", "upgrade"} {
			_ = s.On(eventName(event), func(...any) { upgraded <- event + " " + s.Transport().Name() })
		}
	})
	p := s.poll()
	session := s.session()
	waiting := p.getLater()
	ws := p.probe()
	receive(t, "the answer to the GET", waiting).want(t, 200, "6")
	if !session.Upgrading() || session.Upgraded() {
		t.Error("the session is not upgrading")
	}
	p.get().want(t, 200, "6")
	ws.send("5", "4hello")
	ws.want("4hello")
	if session.Upgrading() || !session.Upgraded() || session.Transport().Name() != "websocket" {
		t.Error("the session is not upgraded")
	}
	for _, want := range []string{"upgrading polling", "upgrade websocket"} {
		if got := receive(t, "an event", upgraded); got != want {
			t.Errorf("heard %q, want %q", got, want)
		}
	}

	// Engine.IO protocol, test suite: ignores requests with same sid after upgrade.
	p.get().wantRefusal(t, 400, 3, "Bad request")
	p.post("4a").wantRefusal(t, 400, 3, "Bad request")
	s.dial(p.upgradeQuery(), nil).wantEnd(0) // as Node.js does
	ws.send("4still there")
	ws.want("4still there")
	session.wantOpen()
}

func TestUpgradeInOneGo(t *testing.T) {
	s := start(t, calm(), echo)
	p := s.poll()
	ws := p.dial(p.upgradeQuery(), append(append(textFrame("2probe"), textFrame("5")...), textFrame("4hello")...))
	ws.want("3probe", "4hello")
}

func TestSecondWebSocketWhileOneUpgrades(t *testing.T) {
	s := start(t, calm(), echo)
	p := s.poll()
	ws := p.probe()
	s.dial(p.upgradeQuery(), nil).wantEnd(0) // as Node.js does
	ws.send("5", "4hello")
	ws.want("4hello")
}

// A WebSocket that comes to nothing leaves the session where it is.
func TestFailedProbe(t *testing.T) {
	cases := []struct {
		name string
		fail func(*wsClient)
	}{
		{"closed", func(ws *wsClient) { _ = ws.conn.Close() }},
		{"close frame", func(ws *wsClient) { ws.write(frame(fin|opClose, closeFrame(1001, ""))); ws.wantEnd(1001) }},
		{"another packet", func(ws *wsClient) { ws.send("4hello"); ws.wantEnd(1002) }},
		{"invalid packet", func(ws *wsClient) { ws.send("x"); ws.wantEnd(1002) }},
		{"invalid frame", func(ws *wsClient) { ws.write(header(fin|opText, 0, 1)); ws.wantEnd(1002) }},
		{"ping that is no probe", func(ws *wsClient) { ws.send("2"); ws.wantEnd(1002) }},
	}
	s := start(t, calm(), nil)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := s.poll()
			session := s.session()
			c.fail(p.probe())
			eventually(t, "the probe is given up", func() bool { return !session.Upgrading() })
			session.SendMessage(textMessage("by polling"))
			p.get().want(t, 200, "4by polling")
			p.post("4hello").want(t, 200, "ok")
			session.wantMessages("hello")

			// A second attempt may succeed.
			ws := p.probe()
			ws.send("5", "4there")
			session.wantMessages("there")
			session.SendMessage(textMessage("by WebSocket"))
			ws.want("4by WebSocket")
		})
	}
}

func TestUpgradeTimeout(t *testing.T) {
	for _, probed := range []bool{false, true} {
		t.Run(fmt.Sprint("probed ", probed), func(t *testing.T) {
			opts := calm()
			opts.UpgradeTimeout = 50 * time.Millisecond
			s := start(t, opts, nil)
			p := s.poll()
			session := s.session()
			ws := p.dial(p.upgradeQuery(), nil)
			if probed {
				ws.send("2probe")
			}
			ws.wantGone()
			eventually(t, "the probe is given up", func() bool { return !session.Upgrading() })
			waiting := p.getLater()
			session.SendMessage(textMessage("by polling"))
			receive(t, "the answer", waiting).want(t, 200, "4by polling")
			p.probe().send("5")
			eventually(t, "the session is upgraded", session.Upgraded)
		})
	}
}

// An upgraded session is not bound to the time that the upgrade had.
func TestUpgradeTimeoutEndsWithTheUpgrade(t *testing.T) {
	opts := calm()
	opts.UpgradeTimeout = 50 * time.Millisecond
	s := start(t, opts, echo)
	ws := s.poll().probe()
	ws.send("5")
	time.Sleep(2 * opts.UpgradeTimeout)
	ws.send("4hello")
	ws.want("4hello")
}

func TestNoUpgrades(t *testing.T) {
	opts := calm()
	opts.NoUpgrades = true
	s := start(t, opts, nil)
	p := s.poll()
	s.dial(p.upgradeQuery(), nil).answer().wantRefusal(t, 400, 3, "Bad request")
	s.session().wantOpen()
}

// While a WebSocket is tried, its pings are answered as any other's (RFC 6455 section 5.5.2).
func TestPingWhileProbing(t *testing.T) {
	s := start(t, calm(), echo)
	ws := s.poll().probe()
	ws.write(frame(fin|opPing, "a"))
	ws.wantFrame(fin|opPong, "a")
	ws.send("2probe")
	ws.want("3probe")
	ws.send("5", "4b")
	ws.want("4b")
}

// No request may bring messages while the WebSocket does: their order would be lost.
func TestUpgradeWithAPOSTUnderWay(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	ws := p.probe()
	post := s.beginPOST(p, 2, "4")
	eventually(t, "the POST is being read", session.Posting)
	ws.send("5")
	ws.wantEnd(1002)
	if session.Upgraded() {
		t.Error("the session is upgraded")
	}
	post.finish("a").want(t, 200, "ok")
	session.wantMessages("a")
	ws = p.probe()
	ws.send("5", "4b")
	session.wantMessages("b")
}

// An upgrade frees a request that waits, also when there was no probe.
func TestUpgradeWithoutProbe(t *testing.T) {
	s := start(t, calm(), echo)
	p := s.poll()
	waiting := p.getLater()
	ws := p.dial(p.upgradeQuery(), textFrame("5"))
	receive(t, "the answer to the GET", waiting).want(t, 200, "6")
	ws.send("4hello")
	ws.want("4hello")
}

func TestCloseWhileProbing(t *testing.T) {
	cases := []struct {
		name   string
		close  func(*poller, *session)
		reason string
	}{
		{"by the server", func(_ *poller, s *session) { s.Close(true) }, "forced close"},
		{"by the client", func(p *poller, _ *session) { p.post("1") }, "transport close"},
		{"by a broken rule", func(p *poller, _ *session) { p.post("x") }, "parse error"},
		{"with the server", func(p *poller, _ *session) { p.Close() }, "forced close"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			s := start(t, calm(), nil)
			p := s.poll()
			session := s.session()
			ws := p.probe()
			c.close(p, session)
			session.wantClosed(c.reason)
			ws.wantGone()
		})
	}
}

// Messages arrive once and in order, whichever transport they come by.
func TestMessagesDuringTheUpgrade(t *testing.T) {
	const messages = 3000
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	var sending sync.WaitGroup
	started := make(chan struct{})
	sending.Go(func() {
		to := engine.NewReceivers([]*engine.Conn{session.Conn})
		for i := range messages {
			if i == 100 {
				close(started)
			}
			if m := textMessage(fmt.Sprint(i)); i%2 == 0 {
				session.SendMessage(m)
			} else {
				engine.Broadcast(m, nil, to)
			}
			if i%50 == 0 {
				time.Sleep(time.Millisecond) // spread over the upgrade
			}
		}
	})
	defer sending.Wait()

	var got []string
	take := func(payload string) {
		for text := range strings.SplitSeq(payload, "\x1e") {
			if text != "6" {
				got = append(got, text)
			}
		}
	}
	receive(t, "the first messages", started)
	take(p.get().body)
	ws := p.dial(p.upgradeQuery(), nil)
	take(p.get().body)
	ws.send("2probe")
	ws.want("3probe")
	take(p.get().body)
	ws.send("5")
	for len(got) < messages {
		take(ws.read().payload)
	}
	for i, text := range got {
		if text != fmt.Sprint("4", i) {
			t.Fatalf("message %d is %q", i, text)
		}
	}
}

// What the client says by POST before and by WebSocket behind the upgrade arrives in order.
func TestMessagesOfTheClientDuringTheUpgrade(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	p.post("4a\x1e4b").want(t, 200, "ok")
	ws := p.probe()
	p.post("4c").want(t, 200, "ok")
	ws.send("5", "4d", "4e")
	s.session().wantMessages("a", "b", "c", "d", "e")
}
