package node_test

import (
	"runtime"
	"runtime/pprof"
	"strings"
	"testing"
	"time"

	"chorus/auth"

	"github.com/gorilla/websocket"
)

// TestNothingIsLeftOfClientsThatVanish has clients come and go at every moment of their connection, in every mode.
func TestNothingIsLeftOfClientsThatVanish(t *testing.T) {
	for _, mode := range []auth.Mode{auth.ModeHandshake, auth.ModeEvent, auth.ModeBoth} {
		t.Run(string(mode), func(t *testing.T) {
			cfg := valid()
			cfg.Auth.Mode = string(mode)
			cfg.Auth.EventTimeout = time.Second
			cfg.ConnectTimeout = time.Second
			cfg.MaxConnections = 10_000
			n := run(t, cfg)
			good := token(t)
			vanish := func(frames ...string) {
				ws, response, err := websocket.DefaultDialer.Dial("ws://"+n.addr+"/socket.io/?EIO=4&transport=websocket", nil)
				if err != nil {
					t.Error(err)
					return
				}
				_ = response.Body.Close()
				for _, frame := range frames {
					_ = ws.WriteMessage(websocket.TextMessage, []byte(frame))
				}
				_ = ws.Close()
			}
			round := func(times int) {
				work := make(chan struct{}, 8)
				for range times {
					work <- struct{}{}
					go func() { // ends with the connection
						defer func() { <-work }()
						vanish("40")
						vanish("40", "41")
						vanish("40", `42["authenticate",{"token":"bad"}]`)
						vanish("40", `42["authenticate",{"token":"`+good+`"}]`)
						vanish(`40{"token":"`+good+`"}`, `42["join","lobby"]`)
						vanish("40", "44")
						vanish()
					}()
				}
				for range cap(work) {
					work <- struct{}{}
				}
			}
			round(10)
			settled := func() {
				eventually(t, "nobody is there", func() bool { return n.IO().Sockets().Sockets().Len() == 0 && n.IO().Engine().ClientsCount() == 0 })
				eventually(t, "no timer of the library is left", func() bool { return !strings.Contains(stacks(), "utils.SetTimeout") })
			}
			settled() // pools have filled
			before := runtime.NumGoroutine()
			round(150)
			settled()
			for end := time.Now().Add(2 * patience); runtime.NumGoroutine() > before+10; time.Sleep(10 * time.Millisecond) {
				if time.Now().After(end) {
					t.Fatalf("%d goroutines, before %d:\n%s", runtime.NumGoroutine(), before, stacks())
				}
			}
			if rooms := n.IO().Sockets().Adapter().Rooms().Len(); rooms != 0 {
				t.Errorf("%d rooms are left", rooms)
			}
		})
	}
}

func stacks() string {
	var all strings.Builder
	_ = pprof.Lookup("goroutine").WriteTo(&all, 1) // a Builder takes everything
	return all.String()
}
