package node_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"chorus/auth"
	"chorus/chat"
	"chorus/internal/redistest"
	"chorus/node"
	"chorus/node/config"

	"github.com/alicebob/miniredis/v2"
)

// chatAnswer is the acknowledgement of a request.
type chatAnswer struct {
	OK       bool
	Error    struct{ Code, Message string }
	Room     string
	Cursor   *string
	Epoch    *string
	Count    *int
	Messages []said
	Missed   bool
	More     bool
	First    *string
	Last     *string
	ID       string
	At       int64
	Seq      int64
	Online   *int
	Users    []present
	Members  struct{ Users []present }
	Next     string
	Rooms    []struct {
		Room  string
		Count int
	}
}

type said struct {
	ID    string
	Seq   int64
	Value json.RawMessage
	From  *struct{ ID, Name string }
}

type present struct {
	ID, Name string
	Devices  int
	Data     json.RawMessage
}

// request asks and reads the answer.
func (c *rawClient) request(format string, args ...any) chatAnswer {
	c.t.Helper()
	var list []chatAnswer
	text := c.ask(fmt.Sprintf(format, args...))
	if err := json.Unmarshal([]byte(text), &list); err != nil || len(list) != 1 {
		c.t.Fatalf("the answer %s: %v", text, err)
	}
	return list[0]
}

// must is request for one that has to be done.
func (c *rawClient) must(format string, args ...any) chatAnswer {
	c.t.Helper()
	a := c.request(format, args...)
	if !a.OK {
		c.t.Fatalf("%s: %+v", fmt.Sprintf(format, args...), a.Error)
	}
	return a
}

// withHistory keeps what is said in rooms that begin with "h".
func withHistory(cfg node.Config) node.Config {
	cfg.Limits.Events.Rate, cfg.Limits.Subject.Events.Rate = config.Rate{}, config.Rate{} // tests send faster than people do
	cfg.Chat.Rooms = []config.RoomConfig{
		{Match: "h*", History: config.HistoryConfig{Messages: 100}, Presence: true},
		{Match: "quiet", Presence: false},
	}
	cfg.Chat.Direct.History.Messages = 100
	cfg.Chat.Presence.Grace = 300 * time.Millisecond
	cfg.Chat.Typing = time.Second
	return cfg
}

// eachStore runs a test on one node with memory and on two nodes with Redis.
func eachStore(t *testing.T, test func(t *testing.T, one, two string)) {
	t.Run("memory", func(t *testing.T) {
		n := run(t, withHistory(valid()))
		test(t, n.addr, n.addr)
	})
	t.Run("redis", func(t *testing.T) {
		cfg := withHistory(valid())
		cfg.Cluster.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		test(t, run(t, cfg).addr, run(t, cfg).addr)
	})
}

// eachStoreAndCluster is eachStore, and once more with a Redis Cluster of six processes.
func eachStoreAndCluster(t *testing.T, test func(t *testing.T, one, two string)) {
	t.Helper()
	eachStore(t, test)
	t.Run("redis cluster", func(t *testing.T) {
		if testing.Short() {
			t.Skip("six processes")
		}
		cfg := withHistory(valid())
		cfg.Cluster.Redis.URL = "redis+cluster://" + strings.Join(redistest.StartCluster(t).Addrs(), ",")
		test(t, run(t, cfg).addr, run(t, cfg).addr)
	})
}

// as connects as a user.
func as(t *testing.T, addr, user string) *rawClient {
	t.Helper()
	return join(t, addr, tokenOf(t, user))
}

func tokenOf(t *testing.T, user string) string {
	t.Helper()
	text, err := auth.Sign(secret, "HS256", map[string]any{"sub": user, "name": strings.ToUpper(user), "exp": time.Now().Add(time.Hour).Unix()})
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestHistory(t *testing.T) {
	eachStoreAndCluster(t, func(t *testing.T, one, two string) {
		ada, bob := as(t, one, "ada"), as(t, two, "bob")
		if a := ada.must(`["join","h"]`); a.Room != "h" || a.Count == nil || *a.Count != 1 {
			t.Errorf("the first join: %+v", a)
		}
		for i := range 5 {
			if a := ada.must(`["publish","h",%d]`, i); a.Seq != int64(i+1) || a.ID == "" || a.At == 0 {
				t.Errorf("publish %d: %+v", i, a)
			}
		}
		a := bob.must(`["join","h",{"history":3}]`)
		if len(a.Messages) != 3 || string(a.Messages[0].Value) != "2" || a.Messages[0].From.ID != "ada" || a.Messages[0].From.Name != "ADA" || *a.Count != 2 {
			t.Fatalf("join: %+v", a)
		}
		cursor := *a.Cursor
		ada.must(`["publish","h",{"n":1.50}]`)
		if got := bob.await(`42["publish"`); !strings.HasPrefix(got, `42["publish","h",{"n":1.50},{"id":`) || !strings.Contains(got, `"seq":6,"cursor":"`) {
			t.Errorf("heard %s", got)
		}
		if a := bob.must(`["join","h",{"since":"%s"}]`, cursor); len(a.Messages) != 1 || a.Messages[0].Seq != 6 || *a.Count != 2 {
			t.Errorf("since: %+v", a)
		}
		page := bob.must(`["history","h",{"limit":2}]`)
		if len(page.Messages) != 2 || page.Messages[1].Seq != 6 || !page.More || page.First == nil {
			t.Fatalf("the newest: %+v", page)
		}
		if page = bob.must(`["history","h",{"limit":9,"before":"%s"}]`, *page.First); len(page.Messages) != 4 || page.More || page.Messages[0].Seq != 1 {
			t.Errorf("before: %+v", page)
		}
		if page = bob.must(`["history","h",{"after":"%s"}]`, *page.Last); len(page.Messages) != 2 {
			t.Errorf("after: %+v", page)
		}
		for request, code := range map[string]string{
			`["history","other"]`:                                  chat.CodeNoHistory,
			`["history","h",{"limit":0}]`:                          chat.CodeBadRequest,
			`["history","h",{"limit":201}]`:                        chat.CodeBadRequest,
			`["history","h",{"before":"x"}]`:                       chat.CodeBadRequest,
			`["history","h",{"before":"a","after":"a"}]`:           chat.CodeBadRequest,
			`["history"]`:                                          chat.CodeBadRequest,
			`["join","h",{"since":"garbage"}]`:                     chat.CodeBadRequest,
			`["join","h",{"history":201}]`:                         chat.CodeBadRequest,
			`["publish","h"]`:                                      chat.CodeBadRequest,
			`["publish","h","` + strings.Repeat("x", 65600) + `"]`: chat.CodeTooLarge,
		} {
			if a := bob.request("%s", request); a.Error.Code != code {
				t.Errorf("%.60s: %+v, want %s", request, a.Error, code)
			}
		}
		if a := bob.must(`["join","other",{"since":"%s"}]`, cursor); a.Cursor != nil || a.Epoch != nil || !a.Missed {
			t.Errorf("a room without history: %+v", a)
		}
	})
}

func TestIdempotency(t *testing.T) {
	eachStore(t, func(t *testing.T, one, two string) {
		for _, room := range []string{"h", "plain"} {
			ada, again, bob := as(t, one, "ada"), as(t, two, "ada"), as(t, two, "bob")
			bob.must(`["join","%s"]`, room)
			ada.must(`["join","%s"]`, room)
			again.must(`["join","%s"]`, room)
			first := ada.ask(`["publish","` + room + `",{"a":1},{"id":"m-1"}]`)
			if second := again.ask(`["publish","` + room + `",{"a":1},{"id":"m-1"}]`); second != first {
				t.Errorf("%s: answered %s, then %s", room, first, second)
			}
			if a := again.request(`["publish","%s",{"a":2},{"id":"m-1"}]`, room); a.Error.Code != chat.CodeConflict {
				t.Errorf("%s: another value: %+v", room, a)
			}
			ada.must(`["publish","%s","fence"]`, room) // the node that said the first: between nodes there is no order without history
			if got := bob.await(`42["publish"`); !strings.Contains(got, `"id":"m-1"`) {
				t.Errorf("%s: heard %s", room, got)
			}
			if got := bob.await(`42["publish"`); !strings.Contains(got, `"fence"`) {
				t.Errorf("%s: delivered twice: %s", room, got)
			}
		}
	})
}

func TestDirect(t *testing.T) {
	eachStore(t, func(t *testing.T, one, two string) {
		ada, second, bob := as(t, one, "ada"), as(t, two, "ada"), as(t, two, "bob")
		a := ada.must(`["direct","bob","hello"]`)
		if a.Seq != 1 || a.Online == nil || *a.Online != 1 {
			t.Errorf("answered %+v", a)
		}
		if got := bob.await(`42["direct"`); !strings.HasPrefix(got, `42["direct","ada","hello",{"id":"`) || !strings.Contains(got, `"from":{"id":"ada","name":"ADA"}`) {
			t.Errorf("bob heard %s", got)
		}
		if got := second.await(`42["direct"`); !strings.HasPrefix(got, `42["direct","bob","hello",`) {
			t.Errorf("the other socket heard %s", got)
		}
		bob.must(`["publish","@ada","hi"]`)
		if got := ada.await(`42["direct"`); !strings.HasPrefix(got, `42["direct","bob","hi",`) { // and not one's own
			t.Errorf("ada heard %s", got)
		}
		for client, peer := range map[*rawClient]string{ada: "@bob", bob: "@ada"} {
			if a := client.must(`["history","%s"]`, peer); len(a.Messages) != 2 || string(a.Messages[1].Value) != `"hi"` {
				t.Errorf("history of %s: %+v", peer, a)
			}
		}
		if a := ada.must(`["direct","nobody",1]`); *a.Online != 0 {
			t.Errorf("nobody: %+v", a)
		}
		for _, bad := range []string{`["direct","bob"]`, `["direct",7,1]`, `["direct","",1]`, `["publish","@",1]`} {
			if a := ada.request("%s", bad); a.Error.Code != chat.CodeBadRequest {
				t.Errorf("%s: %+v", bad, a)
			}
		}
	})
}

func TestPresence(t *testing.T) {
	eachStoreAndCluster(t, func(t *testing.T, one, two string) {
		ada := as(t, one, "ada")
		a := ada.must(`["join","h",{"presence":true}]`)
		if len(a.Members.Users) != 1 || a.Members.Users[0].ID != "ada" || a.Members.Users[0].Devices != 1 {
			t.Errorf("members: %+v", a.Members)
		}
		bob, phone := as(t, two, "bob"), as(t, one, "bob")
		bob.must(`["join","h"]`)
		if got := ada.await(`42["presence"`); !strings.Contains(got, `"joined":[{"id":"bob","name":"BOB"`) || !strings.Contains(got, `"count":2`) {
			t.Errorf("heard %s", got)
		}
		phone.must(`["join","h"]`)
		phone.must(`["status",{"mood":"good"}]`)
		for {
			if got := ada.await(`42["presence"`); strings.Contains(got, `"data":{"mood":"good"}`) {
				if !strings.Contains(got, `"joined":[],"left":[]`) {
					t.Errorf("a status is heard as %s", got)
				}
				break
			}
		}
		list := ada.must(`["presence","h"]`)
		if len(list.Users) != 2 || list.Users[1].Devices != 2 || string(list.Users[1].Data) != `{"mood":"good"}` {
			t.Errorf("list: %+v", list)
		}
		if page := ada.must(`["presence","h",{"limit":1}]`); len(page.Users) != 1 || page.Next == "" {
			t.Errorf("page: %+v", page)
		} else if rest := ada.must(`["presence","h",{"limit":1,"cursor":"%s"}]`, page.Next); len(rest.Users) != 1 || rest.Users[0].ID != "bob" {
			t.Errorf("the rest: %+v", rest)
		}
		bob.must(`["leave","h"]`)
		_ = phone.ws.NetConn().Close()
		for {
			if got := ada.await(`42["presence"`); strings.Contains(got, `"left":["bob"]`) {
				break
			}
		}
		for request, code := range map[string]string{
			`["presence","quiet"]`:                           "forbidden",
			`["presence","h",{"limit":0}]`:                   chat.CodeBadRequest,
			`["presence","h",{"limit":1001}]`:                chat.CodeBadRequest,
			`["status"]`:                                     chat.CodeBadRequest,
			`["status","` + strings.Repeat("x", 1100) + `"]`: chat.CodeTooLarge,
			`["status",1,"elsewhere"]`:                       chat.CodeNotJoined,
		} {
			if a := ada.request("%s", request); a.Error.Code != code {
				t.Errorf("%.60s: %+v, want %s", request, a.Error, code)
			}
		}
	})
}

func TestTyping(t *testing.T) {
	eachStore(t, func(t *testing.T, one, two string) {
		ada, bob := as(t, one, "ada"), as(t, two, "bob")
		ada.must(`["join","plain"]`)
		bob.must(`["join","plain"]`)
		ada.must(`["typing","plain",true]`)
		if got := bob.await(`42["typing"`); got != `42["typing","plain",{"count":1,"users":[{"id":"ada","name":"ADA"}]}]` {
			t.Errorf("heard %s", got)
		}
		if got := bob.await(`42["typing"`); got != `42["typing","plain",{"count":0,"users":[]}]` { // by itself
			t.Errorf("heard %s", got)
		}
		bob.must(`["typing","@ada",true]`)
		if got := ada.await(`42["typing","@bob"`); got != `42["typing","@bob",{"count":1,"users":[{"id":"bob","name":"BOB"}]}]` {
			t.Errorf("heard %s", got)
		}
		bob.must(`["typing","@ada",false]`)
		if got := ada.await(`42["typing","@bob"`); got != `42["typing","@bob",{"count":0,"users":[]}]` {
			t.Errorf("heard %s", got)
		}
		for request, code := range map[string]string{
			`["typing","elsewhere",true]`: chat.CodeNotJoined,
			`["typing","plain",1]`:        chat.CodeBadRequest,
			`["typing","plain"]`:          chat.CodeBadRequest,
		} {
			if a := ada.request("%s", request); a.Error.Code != code {
				t.Errorf("%s: %+v, want %s", request, a.Error, code)
			}
		}
	})
}

func TestRoomsOfTheHandshake(t *testing.T) {
	eachStore(t, func(t *testing.T, one, _ string) {
		ada := dial(t, one)
		ada.send(`40{"token":"` + tokenOf(t, "ada") + `","rooms":["h","user:bob"]}`)
		ada.send(`421["publish","h","at once"]`)
		ada.await("40{")
		if got := ada.await(`42["left"`); !strings.HasPrefix(got, `42["left","user:bob",{"code":"forbidden"`) {
			t.Errorf("heard %s", got)
		}
		ada.await(`42["publish","h","at once"`)
	})
}

func TestPublishingAfterAReconnect(t *testing.T) {
	eachStore(t, func(t *testing.T, one, two string) {
		ada, bob := as(t, one, "ada"), as(t, one, "bob")
		ada.must(`["join","plain"]`)
		bob.must(`["join","plain"]`)
		_ = ada.ws.NetConn().Close()
		ada = as(t, two, "ada")
		ada.must(`["publish","plain","pending"]`)
		bob.await(`42["publish","plain","pending"`)
	})
}

func TestHooks(t *testing.T) {
	n := run(t, withHistory(valid()))
	var told []string
	var mu sync.Mutex
	n.Chat().Before(func(_ context.Context, a *chat.Action) error {
		text, _ := a.Value.(json.RawMessage)
		switch {
		case a.Kind == chat.ActionConnect && a.User().ID == "mallory", a.Kind == chat.ActionJoin && a.Room == "closed":
			return &chat.Error{Code: "no_entry", Message: "not here", Details: map[string]any{"why": 1}}
		case a.Kind == chat.ActionRefresh && a.Claims().Subject() == "bob":
			return &chat.Error{Code: "no_entry", Message: "not now"}
		case string(text) == `"darn"`:
			a.Value = json.RawMessage(`"****"`)
		case string(text) == `"fail"`:
			return errors.New("the program's secret")
		}
		return nil
	})
	n.Chat().After(func(a *chat.Action, err error) {
		mu.Lock()
		defer mu.Unlock()
		told = append(told, fmt.Sprintf("%s %s %s %v", a.Kind, a.Room, a.User().ID, err == nil))
	})
	mallory := dial(t, n.addr)
	mallory.send(`40{"token":"` + tokenOf(t, "mallory") + `"}`)
	if got := mallory.await("44"); got != `44{"data":{"code":"no_entry","message":"not here","why":1},"message":"not here"}` && got != `44{"message":"not here","data":{"code":"no_entry","message":"not here","why":1}}` {
		t.Errorf("refused with %s", got)
	}
	ada, bob := as(t, n.addr, "ada"), as(t, n.addr, "bob")
	wantRefusal(t, ada.ask(`["join","closed"]`), "no_entry", `"why":1`)
	for _, room := range []string{"h", "plain"} {
		ada.must(`["join","%s"]`, room)
		bob.must(`["join","%s"]`, room)
		ada.must(`["publish","%s","darn"]`, room)
		bob.await(`42["publish","` + room + `","****",`)
		wantRefusal(t, ada.ask(`["publish","`+room+`","fail"]`), chat.CodeInternal)
		if posted, err := n.Chat().Publish(t.Context(), chat.Post{Room: room, Value: json.RawMessage(`"news"`)}); err != nil || posted.ID == "" {
			t.Errorf("the program publishes: %v", err)
		}
		if got := bob.await(`42["publish","` + room + `","news",`); !strings.Contains(got, `"from":null`) {
			t.Errorf("heard %s", got)
		}
	}
	wantRefusal(t, bob.ask(`["token:refresh",{"token":"`+tokenOf(t, "bob")+`"}]`), "no_entry")
	if got := ada.ask(`["token:refresh",{"token":"` + tokenOf(t, "ada") + `"}]`); !done(got) {
		t.Errorf("refresh: %s", got)
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"join h ada true", "publish h ada true", "publish plain ada true", "publish h  true", "refresh  ada true"} {
		if !slices.Contains(told, want) {
			t.Errorf("the hooks were told %q, want %q among them", told, want)
		}
	}
}
