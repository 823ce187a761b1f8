package node_test

import (
	"fmt"
	"testing"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/chat"
	"chorus/node"
	"chorus/node/config"

	"github.com/alicebob/miniredis/v2"
)

func withListedRooms(cfg node.Config) node.Config {
	cfg.Limits.Events.Rate, cfg.Limits.Subject.Events.Rate = config.Rate{}, config.Rate{}
	cfg.Chat.Rooms = []config.RoomConfig{{Match: "open-*", Presence: true, Listed: true}}
	return cfg
}

// A client finds the rooms that are listed, that somebody is in, and that it may join. No other name leaves the server.
func TestRoomsAreBrowsed(t *testing.T) {
	test := func(t *testing.T, one, two string) {
		ada, bob := as(t, one, "ada"), as(t, two, "bob")
		for i := range 25 {
			ada.must(`["join","open-%02d"]`, i)
			ada.must(`["join","secret-%02d"]`, i)
		}
		bob.must(`["join","open-03"]`)
		if got := fmt.Sprint(ada.rooms(`{"prefix":"open-0","limit":5}`)); got != "[open-00 1 open-01 1 open-02 1 open-03 2 open-04 1 next open-04]" {
			t.Errorf("the first page: %s", got)
		}
		if got := fmt.Sprint(bob.rooms(`{"prefix":"open-0","limit":5,"cursor":"open-04"}`)); got != "[open-05 1 open-06 1 open-07 1 open-08 1 open-09 1]" {
			t.Errorf("the second page: %s", got)
		}
		if got := len(bob.rooms(`{}`)); got != 25 {
			t.Errorf("%d rooms", got)
		}
		for _, hidden := range []string{`{"prefix":"secret"}`, `{"prefix":"user:"}`, `{"prefix":"open-9"}`} {
			if got := bob.rooms(hidden); len(got) != 0 {
				t.Errorf("%s: %v", hidden, got)
			}
		}
		text, err := auth.Sign(secret, "HS256", map[string]any{
			"sub": "carl", "exp": time.Now().Add(time.Hour).Unix(),
			"chorus": map[string]any{"rooms": map[string]any{"join": []string{"open-1?"}}},
		})
		if err != nil {
			t.Fatal(err)
		}
		carl := join(t, one, text)
		if got := fmt.Sprint(carl.rooms(`{"limit":2}`)); got != "[open-10 1 open-11 1 next open-11]" {
			t.Errorf("with a token for some rooms: %s", got)
		}
		for request, code := range map[string]string{
			`["rooms",7]`: chat.CodeBadRequest, `["rooms",{"limit":0}]`: chat.CodeBadRequest, `["rooms",{"limit":201}]`: chat.CodeBadRequest,
			`["rooms",{},1]`: chat.CodeBadRequest, `["join","secret-00"]`: refusal.CodeForbidden,
		} {
			wantRefusal(t, carl.ask(request), code)
		}
	}
	t.Run("memory", func(t *testing.T) {
		n := run(t, withListedRooms(valid()))
		test(t, n.addr, n.addr)
	})
	t.Run("redis", func(t *testing.T) {
		cfg := withListedRooms(valid())
		cfg.Cluster.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
		test(t, run(t, cfg).addr, run(t, cfg).addr)
	})
}

// rooms asks for rooms and returns them with their numbers of users, and the cursor if there is more.
func (c *rawClient) rooms(options string) []string {
	c.t.Helper()
	a := c.must(`["rooms",%s]`, options)
	list := make([]string, 0, len(a.Rooms))
	for _, r := range a.Rooms {
		list = append(list, fmt.Sprint(r.Room, " ", r.Count))
	}
	if a.Next != "" {
		list = append(list, "next "+a.Next)
	}
	return list
}
