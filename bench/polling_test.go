package bench

import (
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"
)

// pollServer answers polls with the bodies, in turn, and then never; it hands over what is posted, and answers when told.
type pollServer struct {
	polls  chan string
	posted chan string
	answer chan int // status
}

func (s *pollServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost {
		body, _ := io.ReadAll(r.Body)
		s.posted <- string(body)
		w.WriteHeader(<-s.answer)
		return
	}
	select {
	case body := <-s.polls:
		_, _ = io.WriteString(w, body)
	case <-r.Context().Done():
	}
}

func TestPolling(t *testing.T) {
	s := &pollServer{polls: make(chan string, 9), posted: make(chan string, 9), answer: make(chan int, 9)}
	web := httptest.NewServer(s)
	t.Cleanup(web.Close)
	client := &http.Client{Transport: &http.Transport{}}
	t.Cleanup(client.CloseIdleConnections)
	server, err := url.Parse(web.URL)
	if err != nil {
		t.Fatal(err)
	}
	life, end := context.WithCancel(t.Context())
	defer end()
	s.polls <- `0{"sid":"s 1"}`
	s.polls <- `40{"sid":"x"}` + "\x1e" + event(stamp{due: 1, sender: 1})
	s.answer <- http.StatusOK
	d := newSocketIO(&Options{Polling: true})
	p, err := openPolling(t.Context(), life, client, d, server, member{token: "T"})
	if err != nil {
		t.Fatal(err)
	}
	if got := <-s.posted; got != `40{"token":"T"}` {
		t.Errorf("posted %q", got)
	}
	if want := web.URL + "/socket.io/?EIO=4&transport=polling&sid=s+1"; p.url != want {
		t.Errorf("URL %s, want %s", p.url, want)
	}

	r := newTestReceiver(d, delivery)
	c := &conn{socket: p, polling: true, last: make([]uint32, 4)}
	var running sync.WaitGroup
	p.run(&running, r, c)
	s.polls <- event(stamp{due: 1, sender: 1, number: 1}) + "\x1e2\x1e" + event(stamp{due: 1, sender: 1, number: 2})
	if got := <-s.posted; got != "3" { // the answer to the heartbeat, which the server does not confirm yet
		t.Errorf("posted %q", got)
	}
	for _, packet := range []string{"42a", "42b"} {
		if err := c.send(c.frame(nil, opText, []byte(packet))); err != nil {
			t.Fatal(err)
		}
	}
	s.answer <- http.StatusOK
	if got := <-s.posted; got != "42a\x1e42b" {
		t.Errorf("posted %q: want both packets in one request", got)
	}
	s.answer <- http.StatusBadRequest // the session is lost
	running.Wait()
	if arrived := r.arrived.Load(); arrived != 3 || r.latency.total != 3 || r.outOfOrder != 0 || r.dropped.Load() != 1 {
		t.Errorf("arrived %d, timed %d, out of order %d, dropped %d", arrived, r.latency.total, r.outOfOrder, r.dropped.Load())
	}
}

func TestPollingRefused(t *testing.T) {
	for name, test := range map[string]struct {
		polls []string
		want  error
	}{
		"no OPEN":       {[]string{"hello"}, ErrProtocol},
		"no id":         {[]string{"0{}"}, ErrProtocol},
		"refused":       {[]string{`0{"sid":"s"}`, `44{"message":"no"}`}, ErrRefused},
		"an empty body": {[]string{`0{"sid":"s"}`, ""}, ErrProtocol},
		"no answer":     {nil, context.DeadlineExceeded},
	} {
		s := &pollServer{polls: make(chan string, 9), posted: make(chan string, 9), answer: make(chan int, 9)}
		web := httptest.NewServer(s)
		client := &http.Client{Transport: &http.Transport{}}
		server, _ := url.Parse(web.URL)
		for _, body := range test.polls {
			s.polls <- body
		}
		s.answer <- http.StatusOK
		limit := 30 * time.Second
		if test.polls == nil {
			limit = 100 * time.Millisecond
		}
		ctx, cancel := context.WithTimeout(t.Context(), limit)
		_, err := openPolling(ctx, t.Context(), client, newSocketIO(&Options{Polling: true}), server, member{})
		cancel()
		if !errors.Is(err, test.want) {
			t.Errorf("%s: %v, want %v", name, err, test.want)
		}
		client.CloseIdleConnections()
		web.Close()
	}
}
