package outgoing

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"chorus/engine/message"
)

func latestText(name, s string) *message.Message {
	return message.New(message.Options{Latest: name}, message.Part{Data: []byte(s)})
}

func frames(m *message.Message) string { return string(m.Frames(message.Plain, 0)) }

// keepIn is what a shard does with a message that waits.
func keepIn(b *Backlog, m *message.Message) {
	if m.Options().Latest != "" {
		b.Replace(m.Options().Latest)
	}
	b.Push(Piece{Msg: m, Size: m.Size()})
}

// bytesOf returns what a backlog has still to write.
func bytesOf(b *Backlog) string { return string(b.Gather(nil, 1<<30, message.Plain, 0)) }

// The backlog against the plainest list that does the same, over many random runs.
func TestBacklogAgainstAList(t *testing.T) {
	type waiting struct {
		name, bytes string
		written     bool
	}
	random := rand.New(rand.NewPCG(3, 4))
	for run := range 300 {
		var b Backlog
		var list []waiting
		for step := range 200 {
			switch random.IntN(5) {
			case 0: // some of it is written
				all := bytesOf(&b)
				n := 0
				if len(all) > 0 {
					n = random.IntN(min(len(all), 40) + 1)
				}
				b.Advance(n, message.Plain, 0)
				for n > 0 {
					k := min(n, len(list[0].bytes))
					list[0].bytes, list[0].written = list[0].bytes[k:], true
					if n -= k; list[0].bytes == "" {
						list = list[1:]
					}
				}
			default:
				name := []string{"", "a", "b", "c"}[random.IntN(4)]
				m := latestText(name, fmt.Sprint(run, step, strings.Repeat("x", random.IntN(10))))
				keepIn(&b, m)
				if name != "" {
					for i, w := range list {
						if w.name == name && !w.written {
							list = append(list[:i], list[i+1:]...)
							break
						}
					}
				}
				list = append(list, waiting{name: name, bytes: frames(m)})
			}
			want := ""
			for _, w := range list {
				want += w.bytes
			}
			if got := bytesOf(&b); got != want {
				t.Fatalf("run %d, step %d: it has\n%q, want\n%q", run, step, got, want)
			}
			if b.size != len(want) || b.Empty() != (want == "") {
				t.Fatalf("run %d, step %d: its size is %d with %d bytes", run, step, b.size, len(want))
			}
		}
	}
}

func TestBacklogStaysSmallWhenOneNameIsReplaced(t *testing.T) {
	var b Backlog
	keepIn(&b, text("first"))
	messages := []*message.Message{latestText("a", "even"), latestText("a", "odd")}
	for i := range 1_000_000 {
		keepIn(&b, messages[i%2])
		if len(b.pieces) > 8 || cap(b.pieces) > 16 || len(b.latest) > 1 {
			t.Fatalf("after %d there are %d pieces in room for %d, %d names", i, len(b.pieces), cap(b.pieces), len(b.latest))
		}
	}
	if got, want := bytesOf(&b), frames(text("first"))+frames(text("odd")); got != want {
		t.Errorf("it has %q, want %q", got, want)
	}
}

func TestBacklogWithManyNames(t *testing.T) {
	const names = 1000
	var b Backlog
	for i := range 20 * names {
		keepIn(&b, latestText(fmt.Sprint(i%names), fmt.Sprint(i)))
	}
	if len(b.pieces) > 2*names+1 || len(b.latest) != names {
		t.Errorf("%d pieces, %d names", len(b.pieces), len(b.latest))
	}
	messages := b.Take()
	for i, m := range messages {
		if want := fmt.Sprint("4", 19*names+i); string(m.Packets()[0].Body) != want {
			t.Fatalf("message %d is %q, want %q", i, m.Packets()[0].Body, want)
		}
	}
	if len(messages) != names || !b.Empty() || b.size != 0 {
		t.Errorf("%d messages, then %d pieces", len(messages), len(b.pieces))
	}
}

func TestBacklogIsOver(t *testing.T) {
	var b Backlog
	b.Push(Piece{Msg: text("a"), Size: 1000})
	if b.Over(10) {
		t.Error("one message alone is too much")
	}
	b.Push(Piece{Msg: text("b"), Size: 1})
	if !b.Over(1000) || b.Over(1001) {
		t.Errorf("over with %d bytes", b.size)
	}
}

func TestBacklogGathersAboutAsMuchAsAsked(t *testing.T) {
	var b Backlog
	for range 10 {
		b.Push(Piece{Msg: text(strings.Repeat("x", 97)), Size: 100}) // 2 bytes of header, 1 of type
	}
	for max, want := range map[int]int{1: 100, 99: 100, 100: 100, 250: 200, 1000: 1000, 5000: 1000} {
		if got := len(b.Gather([]byte("before"), max, message.Plain, 0)); got != want+len("before") {
			t.Errorf("of at most %d bytes it gathers %d, want %d", max, got-len("before"), want)
		}
	}
	if b.Large(101, message.Plain, 0) != nil || len(b.Large(100, message.Plain, 0)) != 100 {
		t.Error("what is large is not told from what is not")
	}
	b.Advance(30, message.Plain, 0)
	if len(b.Large(70, message.Plain, 0)) != 70 {
		t.Error("of the first, more is left")
	}
}

func TestBacklogTellsWhoseMessageIsWrittenOrReplaced(t *testing.T) {
	var b Backlog
	told := make(chan string, 3)
	for _, name := range []string{"a", "b"} {
		keepIn(&b, message.New(message.Options{Latest: name, Done: func() { told <- name }}, message.Part{Data: []byte(name)}))
	}
	keepIn(&b, latestText("b", "newer"))
	if got := <-told; got != "b" {
		t.Errorf("told %q", got)
	}
	b.Advance(3, message.Plain, 0)
	if len(told) != 0 {
		t.Error("told of a message of which a part is missing")
	}
	b.Advance(1, message.Plain, 0)
	if got := <-told; got != "a" {
		t.Errorf("told %q", got)
	}
}
