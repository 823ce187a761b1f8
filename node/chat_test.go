package node_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/chat"
	"chorus/codec"

	"github.com/alicebob/miniredis/v2"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// tokenWith makes a token for ada with this claim "chorus".
func tokenWith(t *testing.T, permissions map[string]any) string {
	t.Helper()
	claims := map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix()}
	if permissions != nil {
		claims["chorus"] = permissions
	}
	text, err := auth.Sign(secret, "HS256", claims)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

// ask sends an event and returns what it was acknowledged with, as JSON.
func (c *rawClient) ask(event string) string {
	c.t.Helper()
	c.asked++
	c.send(fmt.Sprintf("42%d%s", c.asked, event))
	prefix := fmt.Sprintf("43%d", c.asked)
	return strings.TrimPrefix(c.await(prefix), prefix)
}

const accepted = `[{"ok":true}]`

// done reports whether an answer says that a request was done.
func done(answer string) bool { return strings.Contains(answer, `"ok":true`) }

// wantRefusal fails unless an answer refuses with a code, and says these things.
func wantRefusal(t *testing.T, answer, code string, says ...string) {
	t.Helper()
	for _, want := range append(says, `"ok":false`, `"code":"`+code+`"`) {
		if !strings.Contains(answer, want) {
			t.Errorf("got %s, want %s in it", answer, want)
		}
	}
}

func TestRooms(t *testing.T) {
	redis := miniredis.RunT(t)
	cfg := valid()
	cfg.Cluster.Redis.URL = "redis://" + redis.Addr()
	a, b := run(t, cfg), run(t, cfg)
	ada, bob, eve := join(t, a.addr, token(t)), join(t, b.addr, token(t)), as(t, b.addr, "eve")

	for _, client := range []*rawClient{ada, bob} {
		if got := client.ask(`["join","lobby"]`); !done(got) {
			t.Fatalf("join: %s", got)
		}
	}
	// The sender is a member, one is a member elsewhere, and one is none.
	ada.send(`4299["publish","lobby",{"n":1.5}]`)
	heard := func(got string) bool {
		return strings.HasPrefix(got, `42["publish","lobby",{"n":1.5},{"id":"`) && strings.HasSuffix(got, `,"from":{"id":"alice"}}]`)
	}
	if got := bob.await(`42["publish"`); !heard(got) {
		t.Errorf("heard %s", got)
	}
	for answered, told := false, false; !answered || !told; { // in any order
		switch got := ada.await("4"); {
		case strings.HasPrefix(got, "4399"):
			answered = done(got)
		case heard(got):
			told = true
		default:
			t.Fatalf("got %s", got)
		}
	}
	if got := bob.ask(`["leave","lobby"]`); !done(got) {
		t.Errorf("leave: %s", got)
	}
	wantRefusal(t, eve.ask(`["publish","lobby","from outside"]`), chat.CodeNotJoined)
	wantRefusal(t, bob.ask(`["publish","lobby","has left"]`), chat.CodeNotJoined)
	// What comes next to the others is not what was for the members.
	ada.ask(`["message","fence"]`)
	for _, client := range []*rawClient{bob, eve} {
		if got := client.await("42"); got != `42["message","fence"]` {
			t.Errorf("who is no member heard %s", got)
		}
	}
	for _, again := range []string{`["join","lobby"]`, `["leave","lobby"]`, `["leave","lobby"]`} {
		if got := ada.ask(again); !done(got) {
			t.Errorf("%s: %s", again, got)
		}
	}
}

func TestChatPermissions(t *testing.T) {
	n := run(t, valid())
	rooms := map[string]any{"join": []string{"team-*", "user:{sub}"}, "publish": []string{"lobby"}}
	ada := join(t, n.addr, tokenWith(t, map[string]any{"broadcast": false, "rooms": rooms}))
	bob := join(t, n.addr, token(t))
	bob.ask(`["join","team-red"]`)

	wantRefusal(t, ada.ask(`["message","no"]`), "forbidden", `"action":"broadcast"`)
	wantRefusal(t, ada.ask(`["join","lobby"]`), "forbidden", `"action":"join"`, `"room":"lobby"`)
	wantRefusal(t, ada.ask(`["join","user:bob"]`), "forbidden", `"action":"join"`, `"room":"user:bob"`)
	wantRefusal(t, ada.ask(`["publish","team-red","no"]`), "forbidden", `"action":"publish"`, `"room":"team-red"`)
	for _, event := range []string{`["join","team-red"]`, `["join","user:ada"]`, `["publish","lobby","nobody is there"]`} {
		if got := ada.ask(event); !done(got) {
			t.Errorf("%s: %s", event, got)
		}
	}
	// Nothing of what was refused has come about.
	bob.send(`42["publish","team-red","fence"]`)
	for _, client := range []*rawClient{ada, bob} {
		if got := client.await("42"); !strings.HasPrefix(got, `42["publish","team-red","fence",`) {
			t.Errorf("heard %s", got)
		}
	}
}

func TestWithoutKeysEverythingIsPermitted(t *testing.T) {
	cfg := valid()
	cfg.Auth.Secret, cfg.Insecure = "", true
	n := run(t, cfg)
	client := dial(t, n.addr)
	client.send("40")
	client.await("40{")
	for _, event := range []string{`["message",1]`, `["join","lobby"]`, `["publish","lobby",1]`, `["leave","lobby"]`} {
		if got := client.ask(event); !done(got) {
			t.Errorf("%s: %s", event, got)
		}
	}
}

func TestRoomNames(t *testing.T) {
	n := run(t, valid())
	ada, bob := join(t, n.addr, token(t)), join(t, n.addr, token(t))
	var private string
	for _, s := range n.IO().Sockets().Sockets().Keys() {
		private = string(s)
	}
	bad := map[string]string{
		"none":                       ``,
		"true":                       `,true`,
		"null":                       `,null`,
		"a list":                     `,["lobby"]`,
		"empty":                      `,""`,
		"too long":                   `,"` + strings.Repeat("x", 256) + `"`,
		"too long in bytes":          `,"` + strings.Repeat("ü", 128) + `"`,
		"half a surrogate pair":      `,"a\ud800"`,
		"the id of a socket":         `,"` + private + `"`,
		"the id of one elsewhere":    `,"8v97Ghoc1FBNdgAAAAAAAAAB"`,
		"an id with hyphens, escape": `,"\u0038v-_Ghoc1FBNdgAAAAAAAAAB"`,
		"a line break":               `,"a\nb"`,
		"the end of a text":          `,"a\u0000"`,
		"a C1 control character":     `,"a\u0085b"`,
		"here":                       `,"."`,
		"above":                      `,".."`,
	}
	for name, room := range bad {
		t.Run(name, func(t *testing.T) {
			wantRefusal(t, ada.ask(`["join"`+room+`]`), chat.CodeBadRequest)
			wantRefusal(t, ada.ask(`["leave"`+room+`]`), chat.CodeBadRequest)
			wantRefusal(t, ada.ask(`["publish"`+room+`,"x"]`), chat.CodeBadRequest)
		})
	}
	for _, event := range []string{`["join","a","b"]`, `["leave","a","b"]`, `["publish","a"]`, `["publish","a",1,2]`, `["publish","a",1,{"id":7}]`, `["publish","a",1,{"id":"ä"}]`, `["publish","a",1,{},2]`, `["join","a",{"since":5}]`} {
		wantRefusal(t, bob.ask(event), chat.CodeBadRequest)
	}
	good := map[string]string{
		"one byte": "x", "as long as can be": strings.Repeat("x", 255), "any characters": "a#b/ü 🎈",
		"20 characters with another one": "customer support 123", "an ObjectID": "507f1f77bcf86cd799439011",
		"a UUID": "f81d4fae-7dec-11d0-a765-00a0c91e6bf6", "20 letters and digits, as of Firebase": "Yl3XwWpVqQkQJ2r5Zx9B", "the same with hyphens": "-NqL3x_9aPzQkWmE7rTu",
		"20 that end as ids of Node.js do": "Yl3XwWpVqQkQJ2r5AAAB", "24 letters": "abcdefghijklmnopqrstuvwx",
	}
	for name, room := range good {
		t.Run(name, func(t *testing.T) {
			for _, event := range []string{"join", "leave"} {
				if got := bob.ask(`["` + event + `","` + room + `"]`); !done(got) {
					t.Errorf("%s: %s", event, got)
				}
			}
		})
	}
}

func TestRoomOfANumber(t *testing.T) {
	n := run(t, valid())
	ada, bob := join(t, n.addr, token(t)), join(t, n.addr, token(t))
	for number, text := range map[string]string{"7": "7", "-0": "0", "1.50": "1.5", "1e3": "1000", "1e21": "1e+21", "1e-7": "1e-7"} {
		ada.ask(`["join",` + number + `]`)
		bob.ask(`["join","` + text + `"]`)
		if got := ada.ask(`["publish",` + number + `,1]`); !done(got) {
			t.Errorf("publish to %s: %s", number, got)
		}
		bob.await(`42["publish","` + text + `",1,`)
	}
}

func TestRoomsOfUsers(t *testing.T) {
	n := run(t, valid())
	ada, bob := join(t, n.addr, tokenWith(t, nil)), join(t, n.addr, token(t))
	for _, event := range []string{`["join","user:ada"]`, `["publish","user:ada",1]`} {
		if got := ada.ask(event); !done(got) {
			t.Errorf("%s: %s", event, got)
		}
		wantRefusal(t, bob.ask(event), refusal.CodeForbidden, `"room":"user:ada"`)
	}
	// A pattern that names such rooms opens them, and a token that permits publishing alone needs no join.
	admin := join(t, n.addr, tokenWith(t, map[string]any{"rooms": map[string]any{"join": []string{"none"}, "publish": []string{"user:*"}}}))
	if got := admin.ask(`["publish","user:alice","from the admin"]`); !done(got) {
		t.Errorf("publish: %s", got)
	}
	bob.await(`42["publish","user:alice","from the admin",`)
}

func TestPublishWithoutJoin(t *testing.T) {
	cfg := valid()
	cfg.Chat.PublishNeedsJoin = false
	n := run(t, cfg)
	if got := join(t, n.addr, token(t)).ask(`["publish","lobby",1]`); !done(got) {
		t.Errorf("publish: %s", got)
	}
}

func TestMetaOfMessages(t *testing.T) {
	cfg := valid()
	cfg.Chat.Meta, cfg.Chat.NameClaim = true, "profile.nick"
	n := run(t, cfg)
	text, err := auth.Sign(secret, "HS256", map[string]any{"sub": "ada", "exp": time.Now().Add(time.Hour).Unix(), "profile": map[string]any{"nick": "Ada L."}})
	if err != nil {
		t.Fatal(err)
	}
	ada := join(t, n.addr, text)
	ada.send(`42["message",{"from":"mallory"}]`)
	if got := ada.await(`42["message"`); !strings.HasPrefix(got, `42["message",{"from":"mallory"},{"id":"`) || !strings.HasSuffix(got, `"from":{"id":"ada","name":"Ada L."}}]`) {
		t.Errorf("heard %s", got)
	}
}

func TestUnknownEvents(t *testing.T) {
	n := run(t, valid())
	if err := n.IO().On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		_ = s.On("mine", func(args ...any) {
			_, ack := codec.SplitAck(args)
			_ = s.On("later", func(args ...any) { _, ack := codec.SplitAck(args); ack("late") })
			ack("mine")
		})
		_ = s.On("all", func(args ...any) {
			_, ack := codec.SplitAck(args)
			s.OnAny(func(args ...any) { _, ack := codec.SplitAck(args); ack("any") })
			ack("all")
		})
		s.Use(func(event []any, next func(error)) {
			if event[0] == "used" {
				_, ack := codec.SplitAck(event)
				ack("used")
				return
			}
			next(nil)
		})
	}); err != nil {
		t.Fatal(err)
	}
	ada := join(t, n.addr, token(t))
	wantRefusal(t, ada.ask(`["later"]`), chat.CodeUnknownEvent, `"events":["all","append","ban","delete","direct","edit","freeze","history","join","kick","leave","message","mine","moderation","mute","presence","publish","react","read","report","rooms","slow","status","typing","unban","unmute","unread"]`)
	ada.send(`42["nobody asks"]`)
	for event, want := range map[string]string{`["mine"]`: `["mine"]`, `["used",1]`: `["used"]`} {
		if got := ada.ask(event); got != want {
			t.Errorf("%s: %s", event, got)
		}
	}
	if got := ada.ask(`["later"]`); got != `["late"]` {
		t.Errorf("a handler that was registered later: %s", got)
	}
	ada.ask(`["all"]`)
	if got := ada.ask(`["whatever"]`); got != `["any"]` {
		t.Errorf("with OnAny: %s", got)
	}
	if got := n.Chat().Stats().Unknown.Load(); got != 2 {
		t.Errorf("%d unknown events are counted", got)
	}
	// Other namespaces have none of the built-in requests.
	n.IO().Of("/game", nil)
	game := dial(t, n.addr)
	game.send(`40/game,{"token":"` + token(t) + `"}`)
	game.await("40/game")
	game.send(`42/game,1["publish","lobby",1]`)
	wantRefusal(t, game.await("43/game"), chat.CodeUnknownEvent, `"events":[]`)
}

func TestTooManyRooms(t *testing.T) {
	n := run(t, valid())
	connected := make(chan *socket.Socket, 1)
	if err := n.IO().On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) }); err != nil {
		t.Fatal(err)
	}
	ada := join(t, n.addr, token(t))
	s := <-connected
	s.Join("the program's")
	for i := range chat.DefaultMaxRooms {
		if got := ada.ask(fmt.Sprintf(`["join","room %d"]`, i)); !done(got) {
			t.Fatalf("room %d: %s", i, got)
		}
	}
	wantRefusal(t, ada.ask(`["join","one more"]`), chat.CodeTooManyRooms, "128")
	// Those it is in already do not count twice, and those of the program not at all.
	for _, event := range []string{`["join","room 1"]`, `["join","the program's"]`, `["leave","the program's"]`, `["leave","room 1"]`, `["join","one more"]`} {
		if got := ada.ask(event); !done(got) {
			t.Errorf("%s: %s", event, got)
		}
	}
	if !s.Rooms().Has("the program's") {
		t.Error("it has left a room in which the program had put it")
	}
	wantRefusal(t, ada.ask(`["join","yet one more"]`), chat.CodeTooManyRooms)
	s.Leave("room 2") // the program may take it out of a room
	if got := ada.ask(`["join","yet one more"]`); !done(got) {
		t.Errorf("a room that it is not in any more counts: %s", got)
	}
}

func TestNewTokenTakesRoomsAway(t *testing.T) {
	n := run(t, valid())
	connected := make(chan *socket.Socket, 1)
	if err := n.IO().On("connection", func(args ...any) { connected <- args[0].(*socket.Socket) }); err != nil {
		t.Fatal(err)
	}
	ada := join(t, n.addr, tokenWith(t, nil))
	s := <-connected
	s.Join("the program's")
	for _, room := range []string{"lobby", "team-blue", "team-red"} {
		ada.ask(`["join","` + room + `"]`)
	}
	next := tokenWith(t, map[string]any{"rooms": map[string]any{"join": []string{"team-red"}}})
	ada.send(`4299["token:refresh",{"token":"` + next + `"}]`)
	for _, room := range []string{"lobby", "team-blue"} {
		if got := ada.await(`42["left"`); got != `42["left","`+room+`",{"code":"forbidden","message":"the token does not permit: join"}]` {
			t.Errorf("got %s", got)
		}
	}
	if got := ada.await("4399"); !strings.Contains(got, `"ok":true`) {
		t.Fatalf("the token was not taken: %s", got)
	}
	if got := s.Rooms(); got.Len() != 4 || !got.Has("user:ada") || !got.Has("team-red") || !got.Has("the program's") {
		t.Errorf("it is in %v", got.Keys())
	}
	wantRefusal(t, ada.ask(`["join","lobby"]`), "forbidden")
}
