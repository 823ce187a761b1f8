package bench

import (
	"context"
	"io"
	"net"
	"net/url"
	"runtime"
	"testing"
)

func TestSourceOf(t *testing.T) {
	for _, test := range []struct {
		n            int
		server, want string
	}{
		{0, "http://127.0.0.1:3000", ""},
		{clientsPerSource - 1, "http://127.0.0.1:3000", ""},
		{clientsPerSource, "http://127.0.0.1:3000", "127.0.0.2:0"},
		{3*clientsPerSource - 1, "http://localhost:3000", "127.0.0.3:0"},
		{300 * clientsPerSource, "http://127.0.0.1:3000", "127.0.1.45:0"},
		{clientsPerSource, "http://[::1]:3000", ""},
		{clientsPerSource, "http://192.0.2.1:3000", ""},
		{clientsPerSource, "http://chat.example.com", ""},
	} {
		server, err := url.Parse(test.server)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		if from := sourceOf(test.n, server); from != nil {
			got = from.String()
		}
		if got != test.want {
			t.Errorf("client %d of %s comes from %q, want %q", test.n, test.server, got, test.want)
		}
	}
}

func TestDialerComesFromItsAddress(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux has all of 127.0.0.0/8")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	for _, from := range []net.Addr{nil, &net.TCPAddr{IP: net.IPv4(127, 0, 0, 2)}} {
		conn, err := dialer(from).DialContext(context.Background(), "tcp", listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		accepted, err := listener.Accept()
		if err != nil {
			t.Fatal(err)
		}
		want := "127.0.0.1"
		if from != nil {
			want = "127.0.0.2"
		}
		if host, _, _ := net.SplitHostPort(accepted.RemoteAddr().String()); host != want {
			t.Errorf("the connection comes from %s, want %s", host, want)
		}
		_ = conn.Close()
		if n, err := io.Copy(io.Discard, accepted); n != 0 || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		_ = accepted.Close()
	}
}
