package node_test

import (
	"bufio"
	"context"
	"net/http"
	"strings"
	"testing"

	"chorus/node"
)

// events reads the feed of a node. next returns the next event as "TYPE DATA", with its id.
func events(t *testing.T, addr, key, last string) (next func(prefix string) (id, event string)) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*patience)
	t.Cleanup(cancel)
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+"/api/v1/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+key)
	if last != "" {
		r.Header.Set("Last-Event-ID", last)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = response.Body.Close() })
	if response.StatusCode != 200 || response.Header.Get("Content-Type") != "text/event-stream" {
		t.Fatalf("%d %v", response.StatusCode, response.Header)
	}
	lines := bufio.NewScanner(response.Body)
	return func(prefix string) (id, event string) {
		t.Helper()
		for lines.Scan() {
			line := lines.Text()
			switch name, value, _ := strings.Cut(line, ": "); name {
			case "id":
				id = value
			case "event":
				event = value
			case "data":
				if event += " " + value; strings.HasPrefix(event, prefix) {
					return id, event
				}
			}
		}
		t.Fatalf("the feed ended before %s: %v", prefix, lines.Err())
		return "", ""
	}
}

func TestAPIEvents(t *testing.T) {
	a, b, key := twoNodes(t, func(cfg *node.Config) { cfg.API.MaxFeeds = 2 })
	next := events(t, a.addr, key, "")
	ada := joinRoom(t, b.addr, "ada", "lobby")
	id, event := next("room.joined")
	if !strings.Contains(event, `"user":{"id":"ada"`) || !strings.Contains(event, `"room":"lobby"`) || !strings.Contains(event, b.Nodes().ID()) {
		t.Error(event)
	}
	ada.send(`42["publish","lobby",{"n":1.5}]`)
	if _, event := next("message.published"); !strings.Contains(event, `"value":{"n":1.5}`) {
		t.Error(event)
	}
	must(t, a.addr, key, "POST", "/moderation", `{"action": "kick", "room": "lobby", "user": "ada"}`)
	if _, event := next("moderation.kick"); !strings.Contains(event, `"to":"ada"`) {
		t.Error(event)
	}
	again := events(t, b.addr, key, id) // at another node, from behind the first event
	if _, event := again(""); !strings.HasPrefix(event, "message.published") {
		t.Error(event)
	}
	if got := callAPI(t, b.addr, key, "GET", "/events", "", "Last-Event-ID", "x"); got.status != 422 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if got := callAPI(t, b.addr, key, "HEAD", "/events", ""); got.status != 200 {
		t.Errorf("%d %s", got.status, got.body)
	}
	events(t, b.addr, key, "")
	if got := callAPI(t, b.addr, key, "GET", "/events", ""); got.status != 503 {
		t.Errorf("%d %s", got.status, got.body)
	}
	if _, event := events(t, a.addr, key, "1-1")("missed"); event == "" {
		t.Error("nothing was missed")
	}
}
