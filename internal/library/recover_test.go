package library

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestRecover fails when the library's socket is built otherwise than Recover knows: then no client gets
// its session back.
func TestRecover(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	if !Recover(s, "id", "pid") {
		t.Fatal("the library is built otherwise")
	}
	if s.Id() != "id" || !s.Recovered() || PrivateID(s) != "pid" {
		t.Errorf("the socket is %q, recovered: %t, private: %q", s.Id(), s.Recovered(), PrivateID(s))
	}
}

func TestDataVersion(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	before := DataVersion(s)
	if before == nil {
		t.Fatal("the library is built otherwise")
	}
	s.SetData(map[string]any{"a": 1})
	first := DataVersion(s)
	if first == before || DataVersion(s) != first {
		t.Error("new data is not noticed, or data that is not new")
	}
	s.SetData(map[string]any{"a": 1})
	if DataVersion(s) == first {
		t.Error("data that looks the same is not noticed")
	}
}
