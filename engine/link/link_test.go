package link_test

import (
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"chorus/engine/link"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// patience bounds what a test waits for.
const patience = 10 * time.Second

// recorder is a reader that tells what it is called with.
type recorder struct {
	*link.Link
	data chan string
	ends chan error
	feed func(text string) error // called by Feed; nil for nothing
}

func (r *recorder) Feed(data []byte) error {
	r.data <- string(data)
	if r.feed != nil {
		return r.feed(string(data))
	}
	return nil
}

func (r *recorder) End(err error) {
	_ = r.Conn.Close()
	r.ends <- err
}

// connect returns a link and its client.
func connect(t *testing.T, group *link.Group) (*recorder, net.Conn) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	client, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Close() })
	conn, err := listener.Accept()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	r := &recorder{Link: &link.Link{}, data: make(chan string, 100), ends: make(chan error, 2)}
	r.Init(conn, group, r)
	return r, client
}

// receive returns the next value of a channel.
func receive[T any](t *testing.T, what string, from <-chan T) T {
	t.Helper()
	select {
	case value := <-from:
		return value
	case <-time.After(patience):
		t.Fatalf("%s: never", what)
		panic("unreachable")
	}
}

// poller returns a group with a poller, which end with the test.
func poller(t *testing.T) (*link.Group, *link.Poller) {
	t.Helper()
	var goroutines sync.WaitGroup
	group := link.NewGroup(&goroutines)
	p, err := group.NewPoller()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip("this system has no poller")
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.Close()
		goroutines.Wait()
	})
	return group, p
}

func TestPollerReadsManyLinks(t *testing.T) {
	group, p := poller(t)
	refused := errors.New("refused")
	ends := map[string]struct {
		end  func(*recorder, net.Conn)
		want error
	}{
		"the client closes":  {func(_ *recorder, c net.Conn) { _ = c.Close() }, io.EOF},
		"the server closes":  {func(r *recorder, _ net.Conn) { _ = r.Close() }, net.ErrClosed},
		"the reader refuses": {func(_ *recorder, c net.Conn) { _, _ = c.Write([]byte("refuse")) }, refused},
	}
	for name, test := range ends {
		r, client := connect(t, group)
		r.feed = func(text string) error {
			if text == "refuse" {
				return refused
			}
			return nil
		}
		if !r.Watch(p) {
			t.Fatalf("%s: the poller does not take the link", name)
		}
		for _, text := range []string{"one", "two"} {
			_, _ = client.Write([]byte(text))
			if got := receive(t, name, r.data); got != text {
				t.Errorf("%s: read %q, want %q", name, got, text)
			}
		}
		test.end(r, client)
		if got := receive(t, name, r.ends); !errors.Is(got, test.want) {
			t.Errorf("%s: it ends with %v, want %v", name, got, test.want)
		}
		_ = r.Close() // it has ended already
		if len(r.ends) > 0 {
			t.Errorf("%s: it ends twice", name)
		}
	}
}

// A reader that waits keeps its goroutine. Another one reads the other links, whether the reader has said that it waits
// or not.
func TestReaderThatWaits(t *testing.T) {
	group, p := poller(t)
	for name, before := range map[string]func(*recorder){
		"says so":         func(r *recorder) { r.MayWait() },
		"does not say so": func(*recorder) {},
	} {
		waiting, client := connect(t, group)
		release := make(chan struct{})
		waiting.feed = func(string) error {
			before(waiting)
			<-release
			return nil
		}
		other, second := connect(t, group)
		if !waiting.Watch(p) || !other.Watch(p) {
			t.Fatal("the poller does not take the links")
		}
		_, _ = client.Write([]byte("wait"))
		receive(t, name, waiting.data)
		_, _ = second.Write([]byte("go on"))
		receive(t, name+": the other link", other.data)
		close(release)
		_, _ = client.Write([]byte("again"))
		if got := receive(t, name, waiting.data); got != "again" {
			t.Errorf("%s: read %q", name, got)
		}
		_ = client.Close()
		_ = second.Close()
		receive(t, name, waiting.ends)
		receive(t, name, other.ends)
	}
}

// A write never waits: what the connection does not take is left to the caller.
func TestWriteThatIsBlocked(t *testing.T) {
	var goroutines sync.WaitGroup
	r, client := connect(t, link.NewGroup(&goroutines))
	var w link.Writer
	piece := make([]byte, 256<<10)
	sent := 0
	for {
		n, err := w.Write(r.Link, piece)
		sent += n
		if errors.Is(err, link.ErrBlocked) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	writable := make(chan struct{})
	go func() { // ends when the client has read
		defer close(writable)
		r.AwaitWritable()
	}()
	if n, err := io.CopyN(io.Discard, client, int64(sent)); err != nil {
		t.Fatalf("after %d of %d bytes: %v", n, sent, err)
	}
	receive(t, "it takes something again", writable)
	w.Last(r.Link, []byte("bye"))
	if rest, err := io.ReadAll(client); string(rest) != "bye" || err != nil {
		t.Errorf("at last it reads %q, %v", rest, err)
	}
	goroutines.Wait()
}
