package node_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestRecoveredRooms: a client that has its session back is in the rooms that it had joined and may still join, and
// in those of the program, which it may not leave.
func TestRecoveredRooms(t *testing.T) {
	cfg := valid()
	cfg.Recovery.Enabled = true
	n := run(t, cfg)
	returned := make(chan bool, 2)
	if err := n.IO().On("connection", func(args ...any) {
		s := args[0].(*socket.Socket)
		s.Join("staff")
		returned <- s.Recovered()
	}); err != nil {
		t.Fatal(err)
	}
	tokenFor := func(rooms ...string) string {
		return tokenWith(t, map[string]any{"rooms": map[string]any{"join": rooms, "publish": []string{"*"}}})
	}
	ada := dial(t, n.addr)
	ada.send(`40{"token":"` + tokenFor("hers", "old", "staff") + `"}`)
	var session struct{ Pid string }
	if err := json.Unmarshal([]byte(strings.TrimPrefix(ada.await("40{"), "40")), &session); err != nil {
		t.Fatal(err)
	}
	<-returned
	ada.ask(`["join","hers"]`)
	ada.ask(`["join","old"]`)
	if err := ada.ws.NetConn().Close(); err != nil {
		t.Fatal(err)
	}
	ada = dial(t, n.addr)
	ada.send(`40{"token":"` + tokenFor("hers", "staff") + `","pid":"` + session.Pid + `"}`)
	if !<-returned {
		t.Fatal("not recovered")
	}
	ada.await(`42["left","old",`)
	bob := join(t, n.addr, token(t))
	for _, room := range []string{"old", "hers", "staff"} {
		bob.ask(`["join","` + room + `"]`)
	}
	heard := func(rooms ...string) {
		t.Helper()
		for _, room := range []string{"old", "hers", "staff"} {
			bob.ask(`["publish","` + room + `",1]`)
		}
		for _, room := range rooms {
			if got := ada.await(`42["publish"`); !strings.HasPrefix(got, `42["publish","`+room+`",1,`) {
				t.Errorf("heard %s, want what is for %s", got, room)
			}
		}
		bob.ask(`["message","fence"]`)
		if got := ada.await("42"); !strings.HasPrefix(got, `42["message","fence"`) {
			t.Errorf("heard %s", got)
		}
	}
	heard("hers", "staff")
	ada.ask(`["leave","staff"]`)
	ada.ask(`["leave","hers"]`)
	heard("staff")
}
