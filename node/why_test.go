package node_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"chorus/auth"
	"chorus/chat"
	"chorus/node"
	"chorus/node/config"
)

// What the explanation says is what clients get, in 10,000 random cases: tokens, rooms, bars and declared events.
func TestExplanationIsWhatIsEnforced(t *testing.T) {
	cfg := valid()
	cfg.Chat.Rooms = []config.RoomConfig{
		{Match: "kept-*", History: config.HistoryConfig{Messages: 100}, Presence: true}, {Match: "closed-*", History: config.HistoryConfig{Messages: 100}}, {Match: "*", Presence: true},
	}
	cfg.Events = map[string]config.EventConfig{
		"all":     {To: "everyone", Namespace: "/"},
		"say":     {To: "room", Namespace: "/"},
		"note":    {To: "user", Namespace: "/"},
		"enter":   {Join: "{0}", Namespace: "/"},
		"to-self": {To: "self", Namespace: "/"},
	}
	cfg.MaxRooms = 1000
	cfg.Limits.Events.Rate, cfg.Limits.Subject.Events.Rate = config.Rate{}, config.Rate{}
	n := run(t, cfg)
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same cases each time
	rooms := []string{"kept-a", "kept-b", "closed-a", "lobby", "user:u1", "user:u2", "kept-*", "@u1", "@u3"}
	lists := [][]string{nil, {}, {"*"}, {"kept-*"}, {"lobby", "closed-?"}, {"user:*"}, {"user:{sub}", "kept-a"}, {`kept-\*`}}
	events := []string{"all", "say", "note", "enter", "to-self", "undeclared"}
	choice := func(n int) int { return random.IntN(n) }
	cases, refused := 0, make(map[string]int)
	for person := range 50 {
		user := fmt.Sprint("u", person%5)
		permissions := map[string]any{}
		inRooms := map[string]any{}
		for _, action := range []string{"join", "publish", "presence", "history", "moderate"} {
			if list := lists[choice(len(lists))]; list != nil {
				inRooms[action] = list
			}
		}
		permissions["rooms"] = inRooms
		for _, action := range []string{"broadcast", "direct"} {
			if choice(2) == 0 {
				permissions[action] = choice(2) == 0
			}
		}
		if choice(3) == 0 {
			permissions["events"] = [][]string{{}, {"s*"}, {"all", "enter"}}[choice(3)]
		}
		content := map[string]any{"sub": user, "chorus": permissions}
		claims, err := node.ClaimsOf(t.Context(), cfg, content)
		if err != nil {
			t.Fatal(err)
		}
		content["exp"] = time.Now().Add(time.Hour).Unix()
		text, err := auth.Sign(secret, "HS256", content)
		if err != nil {
			t.Fatal(err)
		}
		c := join(t, n.addr, text)
		for range 25 {
			disturb(t, n.Chat(), random, user, rooms)
			room := rooms[choice(len(rooms))]
			verdicts, err := n.Chat().Explainer().Room(t.Context(), claims, room)
			if err != nil {
				t.Fatal(err)
			}
			requests := []string{`["join",%q]`, `["publish",%q,1]`, `["history",%q]`, `["presence",%q]`, `["moderation",%q]`}
			for i, v := range verdicts {
				got := c.request(requests[i], room).Error.Code
				if v.Slow > 0 && got == chat.CodeSlowMode {
					got = ""
				}
				cases++
				refused[got]++
				if got != v.Code || v.Allowed != (v.Code == "") || v.Why == "" {
					t.Fatalf("%s %s by %s with %v: %q, explained as %+v", v.Action, room, user, permissions, got, v)
				}
			}
			for range 3 {
				name := events[choice(len(events))]
				v, err := n.Chat().Explainer().Event(t.Context(), claims, name, room)
				if err != nil {
					t.Fatal(err)
				}
				got := c.request(`[%q,%q,"x"]`, name, room).Error.Code
				if got == chat.CodeNotJoined || got == chat.CodeSlowMode { // a member that waits may
					got = ""
				}
				cases++
				refused[got]++
				if got != v.Code {
					t.Fatalf("event %s %s by %s with %v: %q, explained as %+v", name, room, user, permissions, got, v)
				}
			}
		}
	}
	if cases != 10_000 {
		t.Errorf("%d cases, want 10,000", cases)
	}
	for _, code := range []string{"", "forbidden", "banned", "muted", "frozen", "no_history", "unknown_event"} {
		if refused[code] < 20 {
			t.Errorf("only %d cases of %q: %v", refused[code], code, refused)
		}
	}
}

// disturb changes what is in force.
func disturb(t *testing.T, c *chat.Chat, random *rand.Rand, user string, rooms []string) {
	t.Helper()
	room := append(rooms, "")[random.IntN(len(rooms)+1)]
	if strings.HasPrefix(room, "@") { // nobody moderates conversations
		room = ""
	}
	m := chat.Measure{Room: room, User: user, By: "mod"}
	switch n := random.IntN(10); {
	case n < 3:
		m.Action = []string{chat.Mute, chat.Ban}[random.IntN(2)]
		m.Reason = "a reason"
	case n < 6 || room == "":
		m.Action = []string{chat.Unmute, chat.Unban}[random.IntN(2)]
	case n == 6:
		m.Action, m.Slow, m.User = chat.Slow, random.IntN(2), ""
	default:
		m.Action, m.Frozen, m.User = chat.Freeze, random.IntN(2) == 0, ""
	}
	if _, err := c.Moderate(t.Context(), m); err != nil {
		t.Fatal(err)
	}
}

func TestVerdictsAreJSON(t *testing.T) {
	text, err := json.Marshal(chat.Verdict{Action: "join", Code: "banned", Why: "you are banned"})
	if want := `{"action":"join","allowed":false,"code":"banned","why":"you are banned"}`; err != nil || string(text) != want {
		t.Errorf("%s, %v, want %s", text, err, want)
	}
}
