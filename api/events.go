package api

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"regexp"
	"strings"
	"time"

	"chorus/api/rest"
	"chorus/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Times of the feed.
const (
	feedPing    = 15 * time.Second // between two comments
	feedPoll    = 100 * time.Millisecond
	feedTimeout = 10 * time.Second // that a reader may take to read
)

// eventID matches ids of events.
var eventID = regexp.MustCompile(`^[0-9]{1,18}-[0-9]{1,18}$`)

// registerEvents adds the feed.
func registerEvents(a *API) {
	op := rest.Operation{
		ID: "readEvents", Method: http.MethodGet, Path: "/events", Scope: "admin:read", Tag: "cluster", Stream: true,
		Summary: "Read what happens in the cluster, as server-sent events",
		Description: "`room.joined`, `room.left`, `message.published`, `message.edited`, `message.deleted`, `message.reacted`, `direct.sent`, `event.sent`, " +
			"`moderation.ACTION`, and `missed` when events after Last-Event-ID are kept no more, or were not written because nobody read. A comment comes every 15 s.",
	}
	a.Stream(op, func(described *huma.Operation) {
		described.Parameters = []*huma.Param{{
			Name: "Last-Event-ID", In: "header", Description: "The id of the last event that was read: the answer begins behind it.",
			Schema: &huma.Schema{Type: huma.TypeString, Pattern: eventID.String()},
		}}
		described.Responses["200"] = &huma.Response{
			Description: "Server-sent events. data is {type, at, node, user?, room?, to?, id?, event?, socket?, value?}.",
			Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString}}},
		}
	}, a.serveEvents)
}

// serveEvents answers with the feed until the reader or the node goes.
func (a *API) serveEvents(w http.ResponseWriter, r *http.Request) {
	x, place := rest.ExchangeOf(r.Context()), r.Header.Get("Last-Event-ID")
	if place != "" && !eventID.MatchString(place) {
		a.Refuse(w, x, rest.Invalid("header.Last-Event-ID", "this is not the id of an event"))
		return
	}
	if r.Method == http.MethodHead {
		w.Header().Set("Content-Type", "text/event-stream")
		return
	}
	if a.feed.readers.Add(1) > int64(a.opts.MaxFeeds) {
		a.feed.readers.Add(-1)
		p := rest.NewProblem(http.StatusServiceUnavailable, chat.CodeOverloaded, "this node has as many readers of events as it may")
		p.Limit = int64(a.opts.MaxFeeds)
		p.GetHeaders().Set("Retry-After", "5")
		a.Refuse(w, x, p)
		return
	}
	defer a.feed.readers.Add(-1)
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	defer context.AfterFunc(a.running, cancel)() // the API ends before the request does
	s := &eventStream{api: a, w: w, r: r, control: http.NewResponseController(w), place: place}
	if err := s.begin(ctx); err != nil {
		a.Refuse(w, x, rest.Unavailable())
		return
	}
	s.run(ctx)
}

// eventStream is a reader of the feed.
type eventStream struct {
	api     *API
	w       http.ResponseWriter
	r       *http.Request
	control *http.ResponseController
	place   string
}

// begin has the nodes write their events, and answers.
func (s *eventStream) begin(ctx context.Context) error {
	missed := false
	end, err := s.api.feed.end(ctx)
	switch {
	case err != nil:
		return err
	case s.place == "":
		s.place = end
	case later(s.place, end): // the place is of another Redis, or of a clock that was ahead
		s.place, missed = end, true
	default:
		if missed, err = s.api.feed.missed(ctx, s.place); err != nil {
			return err
		}
	}
	if err := s.api.feed.watched(ctx); err != nil {
		return err
	}
	s.w.Header().Set("Content-Type", "text/event-stream")
	s.w.WriteHeader(http.StatusOK)
	_ = s.control.SetReadDeadline(time.Time{}) // it fails in tests without a connection
	text := "retry: 2000\n: the feed begins\n\n"
	if missed {
		text += "event: missed\ndata: {\"type\":\"missed\"}\n\n"
	}
	return s.send(text)
}

// send writes to the reader, which has a while to read it.
func (s *eventStream) send(text string) error {
	_ = s.control.SetWriteDeadline(time.Now().Add(feedTimeout)) // it fails in tests without a connection
	if _, err := s.w.Write([]byte(text)); err != nil {
		return err
	}
	return s.control.Flush()
}

// run sends events until ctx ends, the reader is gone or its key is not good any more.
func (s *eventStream) run(ctx context.Context) {
	poll, ping, renewal := time.NewTicker(feedPoll), time.NewTicker(feedPing), time.NewTicker(feedRenewal)
	defer poll.Stop()
	defer ping.Stop()
	defer renewal.Stop()
	for {
		text := ""
		select {
		case <-ctx.Done():
			return
		case <-renewal.C:
			if who, refused := s.api.Authenticate(s.r); refused != nil && refused.Status == http.StatusUnauthorized || refused == nil && !who.May("admin:read") {
				return
			}
			_ = s.api.feed.watched(ctx) // the next one will do
		case <-ping.C:
			text = ": still here\n\n"
		case <-poll.C:
			events, err := s.api.feed.after(ctx, s.place)
			if err != nil {
				continue // Redis is away
			}
			text = s.format(events)
		}
		if text != "" && s.send(text) != nil {
			return
		}
	}
}

// format writes events as a reader gets them.
func (s *eventStream) format(events []keptEvent) string {
	var out strings.Builder
	for _, e := range events {
		var about struct{ Type string }
		if json.Unmarshal([]byte(e.data), &about) == nil {
			fmt.Fprintf(&out, "id: %s\nevent: %s\ndata: %s\n\n", e.id, about.Type, e.data)
		}
		s.place = e.id
	}
	return out.String()
}
