package node_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/chat"
)

// asModerator connects as a user who may moderate rooms.
func asModerator(t *testing.T, addr, user string, rooms ...string) *rawClient {
	t.Helper()
	text, err := auth.Sign(secret, "HS256", map[string]any{
		"sub": user, "exp": time.Now().Add(time.Hour).Unix(), "chorus": map[string]any{"rooms": map[string]any{"moderate": rooms}},
	})
	if err != nil {
		t.Fatal(err)
	}
	return join(t, addr, text)
}

// holds fails unless a frame or an answer has all the parts.
func holds(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%s has no %s", text, part)
		}
	}
}

// refuses fails unless each request is refused with its code.
func refuses(t *testing.T, c *rawClient, codes map[string]string) {
	t.Helper()
	for request, code := range codes {
		if a := c.request("%s", request); a.Error.Code != code {
			t.Errorf("%.80s: %+v, want %s", request, a.Error, code)
		}
	}
}

func TestChangesOfMessages(t *testing.T) {
	eachStoreAndCluster(t, func(t *testing.T, one, two string) {
		ada, bob, mod := as(t, one, "ada"), as(t, two, "bob"), asModerator(t, two, "mod", "h*")
		bob.must(`["join","h"]`)
		ada.must(`["join","h"]`)
		ada.must(`["publish","h","first",{"id":"m1"}]`)
		cursor := *ada.must(`["join","h"]`).Cursor

		holds(t, ada.ask(`["edit","h","m1",{"n":1.50},{"version":1}]`), `"ok":true`, `"version":2`, `"editedAt":`, `"cursor":"`)
		holds(t, bob.await(`42["edited"`), `["edited","h",{"n":1.50},{`, `"id":"m1"`, `"version":2`, `"seq":1`, `"by":"ada"`)
		holds(t, ada.ask(`["edit","h","m1",3,{"version":1}]`), `"code":"conflict"`, `"version":2`)
		holds(t, mod.ask(`["edit","h","m1","better"]`), `"version":3`)
		holds(t, bob.await(`42["edited"`), `"better"`, `"by":"mod"`)

		holds(t, bob.ask(`["react","h","m1","+1",true]`), `"reactions":{"+1":{"count":1,"mine":true}}`)
		holds(t, ada.await(`42["reacted"`), `["reacted","h",[{`, `"added":["bob"]`, `"count":1`, `"removed":[]`)
		holds(t, bob.ask(`["react","h","m1","+1",false]`), `"reactions":{}`)

		holds(t, ada.ask(`["append","h","t1","a\ud83d"]`), `"length":2`)
		holds(t, ada.ask(`["append","h","t1","\ude00\n",{"done":true}]`), `"length":4`, `"seq":2`)
		holds(t, bob.await(`42["appended"`), `"offset":0`, `"text":"a\ud83d"`, `"from":{"id":"ada","name":"ADA"}`)
		holds(t, bob.await(`42["appended"`), `"offset":2`, `"text":"\ude00\n"`, `"done":true`)
		if a := bob.must(`["history","h"]`); len(a.Messages) != 2 || string(a.Messages[1].Value) != `"a\ud83d\ude00\n"` {
			t.Errorf("history: %+v", a.Messages)
		}

		deleted := ada.ask(`["delete","h","m1"]`)
		holds(t, deleted, `"ok":true`, `"id":"m1"`)
		if again := ada.ask(`["delete","h","m1"]`); again != deleted {
			t.Errorf("deleted again: %s, then %s", deleted, again)
		}
		holds(t, bob.await(`42["deleted"`), `"id":"m1"`, `"by":"ada"`, `"at":`)
		holds(t, bob.ask(`["join","h",{"since":"`+cursor+`"}]`), `"changes":[{`, `"deleted":true`)

		eve := as(t, one, "eve")
		refuses(t, eve, map[string]string{`["edit","h","m1",1]`: chat.CodeNotJoined, `["react","h","m1","x",true]`: chat.CodeNotJoined, `["report","h","m1","x"]`: chat.CodeNotJoined})
		refuses(t, bob, map[string]string{
			`["edit","h","none",1]`:                                      chat.CodeNotFound,
			`["delete","h","none"]`:                                      chat.CodeNotFound,
			`["react","h","none","x",true]`:                              chat.CodeNotFound,
			`["report","h","none","x"]`:                                  chat.CodeNotFound,
			`["edit","h","t1",1]`:                                        refusal.CodeForbidden,
			`["delete","h","t1"]`:                                        refusal.CodeForbidden,
			`["append","h","t1","x"]`:                                    refusal.CodeForbidden,
			`["edit","h","m1",1,{"version":0}]`:                          chat.CodeBadRequest,
			`["edit","h","m 1",1]`:                                       chat.CodeBadRequest,
			`["edit","h","m1"]`:                                          chat.CodeBadRequest,
			`["react","h","m1","",true]`:                                 chat.CodeBadRequest,
			`["react","h","m1","x",1]`:                                   chat.CodeBadRequest,
			`["append","h","t2",1]`:                                      chat.CodeBadRequest,
			`["append","h","t2","x",{"done":true,"cancel":true}]`:        chat.CodeBadRequest,
			`["edit","other","m1",1]`:                                    chat.CodeNoHistory,
			`["append","other","m1","x"]`:                                chat.CodeNoHistory,
			`["edit","h","m1","` + strings.Repeat("x", 70_000) + `"]`:    chat.CodeTooLarge,
			`["append","h","t3","` + strings.Repeat("x", 300_000) + `"]`: chat.CodeTooLarge,
		})
		refuses(t, ada, map[string]string{`["append","h","t1","more"]`: chat.CodeConflict})

		ada.must(`["direct","bob","hi",{"id":"d1"}]`)
		tab := as(t, two, "ada")
		ada.must(`["edit","@bob","d1","ho"]`)
		holds(t, bob.await(`42["edited"`), `["edited","@ada","ho"`)
		holds(t, tab.await(`42["edited"`), `["edited","@bob","ho"`)
	})
}

func TestMarkers(t *testing.T) {
	eachStoreAndCluster(t, func(t *testing.T, one, two string) {
		ada, bob, second := as(t, one, "ada"), as(t, one, "bob"), as(t, two, "bob")
		ada.must(`["join","h"]`)
		for range 3 {
			ada.must(`["publish","h",1,{"mentions":["bob"]}]`)
		}
		holds(t, ada.ask(`["unread"]`), `"room":"h"`, `"unread":0`, `"read":3`)
		holds(t, bob.ask(`["unread",{"rooms":["h"]}]`), `"unread":3`, `"mentions":3`, `"last":3`)
		holds(t, bob.ask(`["read","h",2]`), `"seq":2`, `"unread":1`)
		holds(t, second.await(`42["read"`), `["read","h",{`, `"user":"bob"`, `"seq":2`)
		holds(t, bob.ask(`["read","h",1]`), `"seq":2`, `"unread":1`)
		holds(t, second.ask(`["unread"]`), `"unread":1`, `"mentions":1`, `"read":2`)
		holds(t, bob.ask(`["read","h",null]`), `"ok":true`)
		holds(t, second.ask(`["unread"]`), `"rooms":[]`)
		refuses(t, bob, map[string]string{
			`["read","h","x"]`: chat.CodeBadRequest, `["read","h",-1]`: chat.CodeBadRequest, `["read","h"]`: chat.CodeBadRequest,
			`["read","other",1]`: chat.CodeNoHistory, `["read","user:ada",1]`: refusal.CodeForbidden,
			`["unread",{"rooms":["user:ada"]}]`: refusal.CodeForbidden, `["unread",7]`: chat.CodeBadRequest,
		})
	})
}

func TestModeration(t *testing.T) {
	eachStoreAndCluster(t, func(t *testing.T, one, two string) {
		ada, bob, mod := as(t, one, "ada"), as(t, two, "bob"), asModerator(t, one, "mod", "h*")
		for _, c := range []*rawClient{ada, bob, mod} {
			c.must(`["join","h"]`)
		}
		bob.must(`["publish","h","spam",{"id":"m1"}]`)
		ada.must(`["report","h","m1","rude"]`)
		holds(t, mod.await(`42["reported"`), `["reported","h",{`, `"id":"m1"`, `"by":"ada"`, `"reason":"rude"`)

		holds(t, mod.ask(`["mute","h","bob",{"for":60,"reason":"calm"}]`), `"ok":true`, `"until":`)
		holds(t, bob.await(`42["moderated"`), `"action":"mute"`, `"room":"h"`, `"reason":"calm"`, `"by":"mod"`)
		bob.untilRefused(`["publish","h",1]`, chat.CodeMuted)
		refuses(t, bob, map[string]string{`["edit","h","m1",1]`: chat.CodeMuted, `["react","h","m1","x",true]`: chat.CodeMuted, `["append","h","t","x"]`: chat.CodeMuted, `["typing","h",true]`: chat.CodeMuted})
		holds(t, mod.ask(`["moderation","h"]`), `"action":"mute"`, `"user":"bob"`, `"by":"mod"`, `"slow":0`, `"frozen":false`, `"reports":[{`)
		mod.must(`["unmute","h","bob"]`)
		bob.untilDone(`["publish","h",1]`)

		mod.must(`["slow","h",30]`)
		holds(t, ada.await(`42["moderated"`), `"action":"slow"`, `"seconds":30`)
		bob.untilRefused(`["publish","h",1]`, chat.CodeSlowMode)
		bob.must(`["typing","h",true]`) // it takes no turn
		mod.must(`["publish","h",1]`)
		mod.must(`["publish","h",2]`)
		mod.must(`["slow","h",0]`)
		mod.must(`["freeze","h",true]`)
		holds(t, ada.await(`42["moderated",{"action":"freeze"`), `"on":true`)
		bob.untilRefused(`["publish","h",1]`, chat.CodeFrozen)
		mod.must(`["freeze","h",false]`)
		bob.untilDone(`["publish","h",1]`)

		mod.must(`["kick","h","bob"]`)
		holds(t, bob.await(`42["left"`), `["left","h",{`, `"code":"kicked"`)
		refuses(t, bob, map[string]string{`["publish","h",1]`: chat.CodeNotJoined})
		bob.must(`["join","h"]`)
		mod.must(`["ban","h","bob",{"reason":"enough"}]`)
		holds(t, bob.await(`42["left"`), `"code":"banned"`, `"reason":"enough"`)
		refuses(t, bob, map[string]string{
			`["join","h"]`: chat.CodeBanned, `["publish","h",1]`: chat.CodeBanned, `["history","h"]`: chat.CodeBanned, `["presence","h"]`: chat.CodeBanned,
			`["delete","h","m1"]`: chat.CodeBanned, `["read","h",1]`: chat.CodeBanned,
		})
		if a := as(t, one, "bob").request(`["join","h"]`); a.Error.Code != chat.CodeBanned {
			t.Errorf("another socket of who is banned: %+v", a)
		}
		mod.must(`["unban","h","bob"]`)
		bob.untilDone(`["join","h"]`)

		boss := asModerator(t, two, "boss", "*")
		boss.must(`["ban",null,"bob"]`)
		holds(t, bob.await(`42["left"`), `"code":"banned"`)
		refuses(t, mod, map[string]string{
			`["ban",null,"bob"]`: refusal.CodeForbidden, `["ban","other","bob"]`: refusal.CodeForbidden, `["ban","@bob","bob"]`: refusal.CodeForbidden,
			`["mute","h","bob",{"for":0}]`: chat.CodeBadRequest, `["mute","h",7]`: chat.CodeBadRequest, `["mute","h",""]`: chat.CodeBadRequest, `["mute","h"]`: chat.CodeBadRequest,
			`["slow","h",-1]`: chat.CodeBadRequest, `["slow","h",1.5]`: chat.CodeBadRequest, `["freeze","h",1]`: chat.CodeBadRequest, `["moderation"]`: chat.CodeBadRequest,
		})
		refuses(t, boss, map[string]string{`["slow",null,5]`: chat.CodeBadRequest})
		refuses(t, ada, map[string]string{`["mute","h","bob"]`: refusal.CodeForbidden, `["moderation","h"]`: refusal.CodeForbidden, `["freeze","h",true]`: refusal.CodeForbidden})
	})
}

// untilRefused asks until a rule is in force: another node has to hear of it.
func (c *rawClient) untilRefused(request, code string) {
	c.t.Helper()
	c.until(request, code)
}

// untilDone asks until a rule is lifted.
func (c *rawClient) untilDone(request string) {
	c.t.Helper()
	c.until(request, "")
}

func (c *rawClient) until(request, code string) {
	c.t.Helper()
	var a chatAnswer
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if a = c.request("%s", request); a.Error.Code == code {
			return
		}
	}
	text, _ := json.Marshal(a.Error)
	c.t.Fatalf("%s: %s, want %q", request, text, code)
}
