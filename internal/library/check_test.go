package library

import (
	"reflect"
	"strings"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	if err := Check(); err != nil {
		t.Fatal(err)
	}
	for name, f := range map[string]field{
		"no such field": {reflect.TypeFor[socket.Socket](), "absent", reflect.TypeFor[int]()},
		"another type":  {reflect.TypeFor[socket.Socket](), "id", reflect.TypeFor[int]()},
	} {
		err := check([]field{f})
		if err == nil || !strings.Contains(err.Error(), module) || !strings.Contains(err.Error(), "Socket."+f.name) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
