package library

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestReplaceEmitter(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	var heard []string
	hear := func(text string) func(...any) { return func(...any) { heard = append(heard, text) } }
	_ = s.On("event", hear("before"))
	ReplaceEmitter(s)
	after := hear("after")
	_ = s.On("event", after)
	_ = s.Once("event", hear("once"))
	s.EmitReserved("event")
	s.EmitReserved("event")
	if got, want := len(heard), 5; got != want || heard[0] != "before" || heard[1] != "after" || heard[2] != "once" {
		t.Fatalf("heard %v", heard)
	}
	if s.ListenerCount("event") != 2 || len(s.Listeners("event")) != 2 {
		t.Errorf("%d listeners, want 2", s.ListenerCount("event"))
	}
}
