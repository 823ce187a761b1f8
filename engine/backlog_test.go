package engine

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
)

func latestText(name, s string) *Message {
	return NewMessage(MessageOptions{Latest: name}, Part{Data: []byte(s)})
}

// keepIn is what a shard does with a message that waits.
func keepIn(b *backlog, m *Message) {
	if m.opts.Latest != "" {
		b.replace(m.opts.Latest)
	}
	b.push(piece{msg: m, size: m.size})
}

// bytesOf returns what a backlog has still to write.
func bytesOf(b *backlog) string { return string(b.gather(nil, 1<<30, plain, 0)) }

// The backlog against the plainest list that does the same, over many random runs.
func TestBacklogAgainstAList(t *testing.T) {
	type waiting struct {
		name, bytes string
		written     bool
	}
	random := rand.New(rand.NewPCG(3, 4))
	for run := range 300 {
		var b backlog
		var list []waiting
		for step := range 200 {
			switch random.IntN(5) {
			case 0: // some of it is written
				all := bytesOf(&b)
				n := 0
				if len(all) > 0 {
					n = random.IntN(min(len(all), 40) + 1)
				}
				b.advance(n, plain, 0)
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
				list = append(list, waiting{name: name, bytes: string(m.plain)})
			}
			want := ""
			for _, w := range list {
				want += w.bytes
			}
			if got := bytesOf(&b); got != want {
				t.Fatalf("run %d, step %d: it has\n%q, want\n%q", run, step, got, want)
			}
			if b.size != len(want) || b.empty() != (want == "") {
				t.Fatalf("run %d, step %d: its size is %d with %d bytes", run, step, b.size, len(want))
			}
		}
	}
}

func TestBacklogStaysSmallWhenOneNameIsReplaced(t *testing.T) {
	var b backlog
	keepIn(&b, text("first"))
	messages := []*Message{latestText("a", "even"), latestText("a", "odd")}
	for i := range 1_000_000 {
		keepIn(&b, messages[i%2])
		if len(b.pieces) > 8 || cap(b.pieces) > 16 || len(b.latest) > 1 {
			t.Fatalf("after %d there are %d pieces in room for %d, %d names", i, len(b.pieces), cap(b.pieces), len(b.latest))
		}
	}
	if got, want := bytesOf(&b), string(text("first").plain)+string(text("odd").plain); got != want {
		t.Errorf("it has %q, want %q", got, want)
	}
}

func TestBacklogWithManyNames(t *testing.T) {
	const names = 1000
	var b backlog
	for i := range 20 * names {
		keepIn(&b, latestText(fmt.Sprint(i%names), fmt.Sprint(i)))
	}
	if len(b.pieces) > 2*names+1 || len(b.latest) != names {
		t.Errorf("%d pieces, %d names", len(b.pieces), len(b.latest))
	}
	messages := b.take()
	for i, m := range messages {
		if want := fmt.Sprint("4", 19*names+i); string(m.parts[0].body) != want {
			t.Fatalf("message %d is %q, want %q", i, m.parts[0].body, want)
		}
	}
	if len(messages) != names || !b.empty() || b.size != 0 {
		t.Errorf("%d messages, then %d pieces", len(messages), len(b.pieces))
	}
}

func TestBacklogIsOver(t *testing.T) {
	var b backlog
	b.push(piece{msg: text("a"), size: 1000})
	if b.over(10) {
		t.Error("one message alone is too much")
	}
	b.push(piece{msg: text("b"), size: 1})
	if !b.over(1000) || b.over(1001) {
		t.Errorf("over with %d bytes", b.size)
	}
}

func TestBacklogGathersAboutAsMuchAsAsked(t *testing.T) {
	var b backlog
	for range 10 {
		b.push(piece{msg: text(strings.Repeat("x", 97)), size: 100}) // 2 bytes of header, 1 of type
	}
	for max, want := range map[int]int{1: 100, 99: 100, 100: 100, 250: 200, 1000: 1000, 5000: 1000} {
		if got := len(b.gather([]byte("before"), max, plain, 0)); got != want+len("before") {
			t.Errorf("of at most %d bytes it gathers %d, want %d", max, got-len("before"), want)
		}
	}
	if b.large(101, plain, 0) != nil || len(b.large(100, plain, 0)) != 100 {
		t.Error("what is large is not told from what is not")
	}
	b.advance(30, plain, 0)
	if len(b.large(70, plain, 0)) != 70 {
		t.Error("of the first, more is left")
	}
}

func TestBacklogTellsWhoseMessageIsWrittenOrReplaced(t *testing.T) {
	var b backlog
	told := make(chan string, 3)
	for _, name := range []string{"a", "b"} {
		m := latestText(name, name)
		m.done = func() { told <- name }
		keepIn(&b, m)
	}
	keepIn(&b, latestText("b", "newer"))
	if got := <-told; got != "b" {
		t.Errorf("told %q", got)
	}
	b.advance(3, plain, 0)
	if len(told) != 0 {
		t.Error("told of a message of which a part is missing")
	}
	b.advance(1, plain, 0)
	if got := <-told; got != "a" {
		t.Errorf("told %q", got)
	}
}
