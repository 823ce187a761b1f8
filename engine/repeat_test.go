package engine_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"chorus/engine"
)

// getAs sends a GET request of the session with the parameter t, as the official client does.
func (p *poller) getAs(t string) answer { return p.do(http.MethodGet, p.query+"&t="+t, "", nil) }

func TestRepeatedPollGetsTheSameAnswer(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	session := s.session()
	session.SendMessage(textMessage("one"))
	p.getAs("a").want(t, 200, "4one")
	session.SendMessage(textMessage("two"))
	p.getAs("a").want(t, 200, "4one")
	p.getAs("a").want(t, 200, "4one")
	p.getAs("b").want(t, 200, "4two")
	session.SendMessage(textMessage("three"))
	p.getAs("a").want(t, 200, "4three") // the answer before the last one is not kept
}

func TestRepeatedPollTakesThePlaceOfTheFirst(t *testing.T) {
	s := start(t, calm(), nil)
	p := s.poll()
	first, second := make(chan answer, 1), make(chan answer, 1)
	go func() { first <- p.getAs("a") }() // ends with the request
	p.awaitWaiting()
	go func() { second <- p.getAs("a") }() // ends with the request
	receive(t, "the first request", first).want(t, 200, "6")
	s.session().SendMessage(textMessage("hello"))
	receive(t, "the second request", second).want(t, 200, "4hello")
}

func TestAnotherPollStillOverlaps(t *testing.T) {
	for _, second := range []string{"b", ""} {
		s := start(t, calm(), nil)
		p := s.poll()
		go p.getAs("a") // ends with the session
		p.awaitWaiting()
		if got := p.getAs(second); got.status != http.StatusBadRequest {
			t.Errorf("t=%q is answered with %d", second, got.status)
		}
	}
}

// A poll by way of another node breaks off when that node dies: the client repeats it by way of a third one.
func TestPollThatWasPassedOnMayBreakOff(t *testing.T) {
	s := startOn(t, calm(), nil, func(h *httptest.Server) {
		next := h.Config.Handler
		h.Config.Handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, engine.PassedOn(r)) })
		h.Start()
	})
	p := s.poll()
	session := s.session()
	ctx, cancel := context.WithCancel(context.Background())
	broken := make(chan answer, 1)
	go func() { broken <- p.doContext(ctx, http.MethodGet, p.query+"&t=a", "", nil) }() // ends with cancel
	p.awaitWaiting()
	cancel()
	receive(t, "the request that breaks off", broken)
	session.SendMessage(textMessage("hello"))
	p.getAs("a").want(t, 200, "4hello")

	s.CancelPoll(p.sid)
	if got := p.getAs("c"); got.status != http.StatusBadRequest || !strings.Contains(got.body, "Session ID unknown") {
		t.Errorf("after the client has cancelled its poll: %d %s", got.status, got.body)
	}
}

func TestUnknownSessionIsExplained(t *testing.T) {
	opts := calm()
	opts.ExplainUnknown = func(sid string) string { return "about " + sid }
	s := start(t, opts, nil)
	s.do("GET", "EIO=4&transport=polling&sid=x", "", nil).want(t, 400, `{"code":1,"message":"Session ID unknown","detail":"about x"}`)
	s.do("GET", "EIO=4&transport=smoke&sid=x", "", nil).want(t, 400, `{"code":0,"message":"Transport unknown"}`)
}
