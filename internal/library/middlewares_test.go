package library

import (
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestMiddlewares(t *testing.T) {
	t.Parallel()
	s := socket.MakeSocket()
	s.Use(func([]any, func(error)) {})
	if fns, ok := Middlewares(s); !ok || fns.Len() != 1 {
		t.Fatal("the library is built otherwise")
	}
}
