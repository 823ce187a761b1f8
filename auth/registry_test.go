package auth_test

import (
	"runtime"
	"testing"

	"chorus/auth"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestFromSocketOfNobody(t *testing.T) {
	t.Parallel()
	if auth.FromSocket(nil) != nil || auth.FromSocket(socket.MakeSocket()) != nil {
		t.Error("nobody has claims")
	}
}

// Not parallel: it counts the sockets of the whole process.
func TestRegistryForgetsSockets(t *testing.T) {
	const count = 100
	before := auth.Registered()
	sockets := make([]*socket.Socket, count)
	claims := &auth.Claims{}
	for i := range sockets {
		sockets[i] = socket.MakeSocket()
		auth.Remember(sockets[i], claims)
		auth.Remember(sockets[i], claims)
	}
	runtime.GC()
	for _, s := range sockets {
		if auth.FromSocket(s) != claims {
			t.Fatal("a socket that is in use was forgotten")
		}
	}
	sockets = nil
	eventually(t, func() bool {
		runtime.GC()
		return auth.Registered() <= before
	})
}

func TestDataOfApplicationIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	s.SetData("mine")
	auth.Remember(s, &auth.Claims{})
	if s.Data() != "mine" {
		t.Errorf("got data %v", s.Data())
	}
}
