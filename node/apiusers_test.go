package node_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"chorus/node"
	"chorus/node/config"
)

// must fails unless the API answers 200, and returns the answer.
func must(t *testing.T, addr, key, method, path, body string) apiAnswer {
	t.Helper()
	got := callAPI(t, addr, key, method, path, body)
	if got.status != http.StatusOK {
		t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	return got
}

func TestAPIUsers(t *testing.T) {
	a, b, key := twoNodes(t, nil)
	first, second := as(t, a.addr, "ada/1"), as(t, b.addr, "ada/1")
	user := "/users/" + url.PathEscape("ada/1")
	eventually(t, "the user is online", func() bool { return must(t, a.addr, key, "GET", user, "").get("count") == "2" })

	if got := must(t, a.addr, key, "PUT", user+"/rooms/"+url.PathEscape("a/b")+"?for=60", ""); got.get("count") != "2" {
		t.Errorf("put: %s", got.body)
	}
	third := as(t, b.addr, "ada/1")
	eventually(t, "the socket that came later is in the room", func() bool { return must(t, b.addr, key, "GET", "/rooms/a%2Fb", "").get("sockets") == "3" })
	must(t, b.addr, key, "POST", "/publish", `{"to": {"rooms": ["a/b"]}, "value": "in the room"}`)
	for _, c := range []*rawClient{first, second, third} {
		c.await(`42["publish","a/b","in the room"`)
	}
	got := must(t, b.addr, key, "GET", user, "")
	if got.get("online") != "true" || got.get("rooms") != `["a/b"]` || got.get("count") != "3" {
		t.Error(got.body)
	}
	var list struct {
		Count       int
		Connections []struct{ ID, Node, Transport string }
	}
	if err := json.Unmarshal([]byte(must(t, a.addr, key, "GET", user+"/connections", "").body), &list); err != nil || list.Count != 3 || len(list.Connections) != 3 {
		t.Errorf("%v %+v", err, list)
	}
	nodes := make(map[string]int)
	for _, c := range list.Connections {
		nodes[c.Node]++
		if c.Transport != "websocket" {
			t.Errorf("%+v", c)
		}
	}
	if nodes[a.Nodes().ID()] != 1 || nodes[b.Nodes().ID()] != 2 {
		t.Errorf("%v", nodes)
	}
	// One socket hears.
	must(t, a.addr, key, "POST", "/publish", fmt.Sprintf(`{"to": {"sockets": [%q]}, "event": "only you", "args": [1, {"a": null}]}`, list.Connections[0].ID))

	if got := must(t, b.addr, key, "DELETE", user+"/rooms/"+url.PathEscape("a/b"), ""); got.get("count") != "3" {
		t.Errorf("delete: %s", got.body)
	}
	for _, c := range []*rawClient{first, second, third} {
		if got := c.await(`42["left"`); !strings.Contains(got, `"code":"removed"`) {
			t.Error(got)
		}
	}
	fourth := as(t, a.addr, "ada/1")
	eventually(t, "the fourth socket is online", func() bool { return must(t, b.addr, key, "GET", user, "").get("count") == "4" })
	if got := must(t, b.addr, key, "GET", "/rooms/a%2Fb", ""); got.get("sockets") != "0" {
		t.Errorf("a socket that came later joined: %s", got.body)
	}
	if got := must(t, b.addr, key, "POST", user+"/disconnect", ""); got.get("count") != "4" {
		t.Errorf("disconnect: %s", got.body)
	}
	for _, c := range []*rawClient{first, second, third, fourth} {
		c.awaitClose()
	}
	if got := must(t, a.addr, key, "GET", "/users/nobody", ""); got.body != `{"user":"nobody","online":false,"count":0,"rooms":[]}`+"\n" {
		t.Error(got.body)
	}
	if got := must(t, a.addr, key, "POST", "/users/nobody/disconnect", "{}"); got.get("count") != "0" {
		t.Error(got.body)
	}
	if got := callAPI(t, a.addr, key, "PUT", "/users/bob/rooms/user:ada", ""); got.status != 422 {
		t.Errorf("the room of another user: %d %s", got.status, got.body)
	}
}

func TestAPIHistory(t *testing.T) {
	a, b, key := twoNodes(t, func(cfg *node.Config) {
		cfg.Chat.Rooms = []config.RoomConfig{{Match: "kept*", Presence: true, History: config.HistoryConfig{Messages: 100}}}
		cfg.Chat.Direct.History.Messages = 10
	})
	ada := joinRoom(t, a.addr, "ada", "kept/1")
	room := "/rooms/kept%2F1/messages"
	if got := must(t, b.addr, key, "GET", room, ""); got.body != `{"messages":[],"more":false,"epoch":`+got.get("epoch")+"}\n" && got.get("messages") != "[]" {
		t.Error(got.body)
	}
	for i := range 5 {
		from := []string{"ada", "bob"}[i%2]
		must(t, a.addr, key, "POST", "/publish", fmt.Sprintf(`{"to": {"rooms": ["kept/1"]}, "value": {"n": %d.0, "t": "<&>"}, "id": "m%d", "from": %q}`, i, i, from))
	}
	must(t, a.addr, key, "POST", "/publish", `{"to": {"users": ["bob"]}, "value": "between us", "from": {"id": "ada", "name": "Ada"}}`)
	page := must(t, b.addr, key, "GET", room+"?limit=2", "")
	if !strings.Contains(page.body, `"value":{"n":4.0,"t":"<&>"}`) || page.get("more") != "true" || page.get("next") != page.get("first") {
		t.Error(page.body)
	}
	page = must(t, b.addr, key, "GET", room+"?limit=2&before="+strings.Trim(page.get("next"), `"`), "")
	if !strings.Contains(page.body, `"id":"m2"`) || strings.Contains(page.body, `"id":"m3"`) {
		t.Error(page.body)
	}
	if got := must(t, b.addr, key, "PATCH", room+"/m0", `{"value": {"edited": true}}`); got.get("version") != "2" {
		t.Error(got.body)
	}
	if got := ada.await(`42["edited"`); !strings.Contains(got, `{"edited": true}`) {
		t.Error(got)
	}
	if got := callAPI(t, b.addr, key, "PATCH", room+"/m0", `{"value": 1, "version": 1}`); got.status != 409 || got.get("version") != "2" {
		t.Errorf("%d %s", got.status, got.body)
	}
	must(t, b.addr, key, "DELETE", room+"/m1", "")
	ada.await(`42["deleted"`)
	if got := must(t, b.addr, key, "DELETE", room+"/m2?purge=true", ""); got.get("count") != "1" {
		t.Error(got.body)
	}
	if got := must(t, b.addr, key, "GET", room, ""); !strings.Contains(got.body, `"deleted":true`) || strings.Contains(got.body, `"m2"`) {
		t.Error(got.body)
	}
	if got := must(t, b.addr, key, "DELETE", room+"?user=bob", ""); got.get("count") != "2" {
		t.Error(got.body)
	}
	if got := must(t, b.addr, key, "DELETE", "/users/ada/data", ""); got.get("messages") != "3" {
		t.Error(got.body)
	}
	must(t, b.addr, key, "DELETE", room, "")
	for path, status := range map[string]int{room + "/none": 404, "/rooms/free/messages/m1": 404, room + "/" + url.PathEscape("a b"): 422} {
		if got := callAPI(t, a.addr, key, "DELETE", path, ""); got.status != status {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
	if got := callAPI(t, a.addr, key, "GET", "/rooms/free/messages", ""); got.status != 404 || got.get("code") != `"no_history"` {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAPIMarkersAndMessages(t *testing.T) {
	a, b, key := twoNodes(t, func(cfg *node.Config) {
		cfg.Chat.Rooms = []config.RoomConfig{{Match: "kept*", Presence: true, History: config.HistoryConfig{Messages: 100}}}
		cfg.Chat.Direct.History.Messages = 10
	})
	ada, bob := joinRoom(t, a.addr, "ada", "kept/1"), joinRoom(t, b.addr, "bob", "kept/1")
	ada.must(`["publish","kept/1",1]`)
	for range 3 {
		bob.must(`["publish","kept/1","@ada",{"mentions":["ada"]}]`)
	}
	ada.must(`["read","kept/1",2]`)
	ada.must(`["publish","@bob",1]`)
	got := must(t, b.addr, key, "GET", "/users/ada/unread", "")
	for _, want := range []string{`{"room":"@bob","read":1,"last":1,"unread":0,"mentions":0}`, `{"room":"kept/1","read":2,"last":4,"unread":2,"mentions":2}`} {
		if !strings.Contains(got.body, want) {
			t.Errorf("%s is not in %s", want, got.body)
		}
	}
	if got := must(t, b.addr, key, "GET", "/users/nobody/unread", ""); got.get("rooms") != "[]" {
		t.Error(got.body)
	}
	// CONNECT, join, publish, read, publish; and what the client got is in the figure after the batch that it was in.
	eventually(t, "the messages are counted", func() bool {
		got := must(t, b.addr, key, "GET", "/users/ada/connections", "")
		return strings.Contains(got.body, `"received":5,"sent":`) && !strings.Contains(got.body, `"sent":0`)
	})
}

func TestAPIModeration(t *testing.T) {
	a, b, key := twoNodes(t, nil)
	ada := joinRoom(t, b.addr, "ada", "lobby")
	got := must(t, a.addr, key, "POST", "/moderation", `{"action": "ban", "room": "lobby", "user": "ada", "for": 60, "reason": "spam"}`)
	if got := ada.await(`42["left"`); !strings.Contains(got, `"code":"banned"`) {
		t.Error(got)
	}
	list := must(t, b.addr, key, "GET", "/moderation?room=lobby", "")
	if !strings.Contains(list.body, `"id":`+got.get("id")) || !strings.Contains(list.body, `"reason":"spam"`) {
		t.Errorf("%s, then %s", got.body, list.body)
	}
	wantRefusal(t, ada.ask(`["join","lobby"]`), "banned")
	must(t, b.addr, key, "DELETE", "/moderation/"+strings.Trim(got.get("id"), `"`), "")
	eventually(t, "the ban is over", func() bool { return done(ada.ask(`["join","lobby"]`)) })
	must(t, a.addr, key, "POST", "/moderation", `{"action": "freeze", "room": "lobby", "on": true}`)
	if got := must(t, a.addr, key, "GET", "/moderation?room=lobby", ""); got.get("frozen") != "true" || got.get("bars") != "[]" {
		t.Error(got.body)
	}
	must(t, a.addr, key, "POST", "/moderation", `{"action": "mute", "user": "ada", "room": null}`)
	if got := must(t, a.addr, key, "GET", "/moderation", ""); !strings.Contains(got.body, `"action":"mute","room":null,"user":"ada"`) {
		t.Error(got.body)
	}
	for _, bad := range []string{
		`{"action": "explode", "user": "ada"}`, `{"action": "ban"}`, `{"action": "slow", "seconds": 3}`, `{"action": "freeze", "room": "lobby"}`,
		`{"action": "ban", "user": "ada", "for": -1}`, `{"action": "ban", "user": "ada", "for": 1e300}`, `{"action": "ban", "user": "ada", "room": ".."}`,
	} {
		if got := callAPI(t, a.addr, key, "POST", "/moderation", bad); got.status != 422 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
	if got := callAPI(t, a.addr, key, "DELETE", "/moderation/nothing", ""); got.status != 404 {
		t.Errorf("%d %s", got.status, got.body)
	}
}

func TestAPITokens(t *testing.T) {
	var weak string
	a, b, key := twoNodes(t, func(cfg *node.Config) {
		weak = apiKeyFor(t, cfg, "weak", "tokens")
		cfg.API.Tokens = config.APITokenConfig{Enabled: true, MaxLife: time.Hour}
	})
	made := must(t, a.addr, weak, "POST", "/tokens", `{"sub": "ada", "name": "Ada", "claims": {"chorus": {"rooms": {"join": ["lobby"]}}}, "ttl": 60}`)
	token := strings.Trim(made.get("token"), `"`)
	ada := join(t, b.addr, token)
	wantRefusal(t, ada.ask(`["join","other"]`), "forbidden")
	for body, status := range map[string]int{
		`{"sub": "eve", "claims": {"chorus": {"api": ["admin"]}}}`:         403,
		`{"sub": "eve", "claims": {"chorus": {"api": ["*"]}}}`:             422,
		`{"sub": "eve", "claims": {"chorus": 5}}`:                          422,
		`{"sub": "eve", "claims": {"exp": 9999999999}}`:                    422,
		`{"sub": "eve", "ttl": 7200}`:                                      422,
		`{"sub": ""}`:                                                      422,
		`{"sub": "eve", "claims": {"chorus": {"api": ["tokens:read"]}}}`:   200,
		`{"sub": "eve", "claims": {"chorus": {"rooms": {"nothing": []}}}}`: 422,
	} {
		if got := callAPI(t, a.addr, weak, "POST", "/tokens", body); got.status != status {
			t.Errorf("%s: %d %s", body, got.status, got.body)
		}
	}
	revoked := must(t, a.addr, key, "POST", "/revocations", `{"sub": "ada", "for": 60}`)
	ada.awaitClose()
	if got := must(t, a.addr, key, "GET", "/revocations", ""); !strings.Contains(got.body, revoked.get("id")) || !strings.Contains(got.body, `"sub":"ada"`) {
		t.Error(got.body)
	}
	must(t, b.addr, key, "DELETE", "/revocations/"+strings.Trim(revoked.get("id"), `"`), "")
	join(t, b.addr, token)
	for _, bad := range []string{`{}`, `{"sub": "a", "jti": "b"}`, `{"jti": "b", "before": 5}`, `{"sub": "a", "until": 5}`, `{"sub": "a", "for": 5, "until": 5}`} {
		if got := callAPI(t, a.addr, key, "POST", "/revocations", bad); got.status != 422 {
			t.Errorf("%s: %d %s", bad, got.status, got.body)
		}
	}
}

func TestAPIBatch(t *testing.T) {
	var weak string
	a, b, key := twoNodes(t, func(cfg *node.Config) { weak = apiKeyFor(t, cfg, "weak", "publish") })
	ada := joinRoom(t, b.addr, "ada", "lobby")
	body := `{"ordered": %v, "operations": [
		{"method": "POST", "path": "/publish", "body": {"to": {"rooms": ["lobby"]}, "value": 1.5}},
		{"method": "GET", "path": "/rooms/lobby"},
		{"method": "POST", "path": "/publish", "body": {"to": {}}},
		{"method": "POST", "path": "/batch", "body": {"operations": []}},
		{"method": "GET", "path": "/openapi.json"},
		{"method": "GET", "path": "/nothing"},
		{"method": "POST", "path": "/publish", "body": {"to": {"rooms": ["lobby"]}, "value": 2}}
	]}`
	var answer struct {
		Results []struct {
			Status int
			Body   json.RawMessage
		}
	}
	for ordered, want := range map[bool]string{false: "[200 200 422 422 422 404 200]", true: "[200 200 422 424 424 424 424]"} {
		if err := json.Unmarshal([]byte(must(t, a.addr, key, "POST", "/batch", fmt.Sprintf(body, ordered)).body), &answer); err != nil {
			t.Fatal(err)
		}
		var statuses []int
		for _, r := range answer.Results {
			statuses = append(statuses, r.Status)
		}
		if got := fmt.Sprint(statuses); got != want {
			t.Errorf("%v: %s", ordered, got)
		}
		if !strings.Contains(string(answer.Results[1].Body), `"sockets":1`) {
			t.Errorf("%s", answer.Results[1].Body)
		}
	}
	ada.await(`42["publish","lobby",1.5`)
	got := must(t, a.addr, weak, "POST", "/batch", `{"operations": [{"method": "GET", "path": "/rooms"}, {"method": "GET", "path": "rooms"}, {"method": "GET", "path": "//evil.example/rooms"}]}`)
	if !strings.Contains(got.body, `"status":403`) || strings.Contains(got.body, `"status":200`) {
		t.Error(got.body)
	}
	many := make([]string, 1001)
	for i := range many {
		many[i] = `{"method": "GET", "path": "/rooms"}`
	}
	if got := callAPI(t, a.addr, key, "POST", "/batch", `{"operations": [`+strings.Join(many, ",")+`]}`); got.status != 422 {
		t.Errorf("%d %.200s", got.status, got.body)
	}
}
