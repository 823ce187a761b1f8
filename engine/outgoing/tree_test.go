package outgoing

import (
	"runtime"
	"slices"
	"testing"
	"weak"

	"chorus/engine/message"
)

func text(s string) *message.Message {
	return message.New(message.Options{}, message.Part{Data: []byte(s)})
}

func TestTree(t *testing.T) {
	var tr Tree
	a, b, c := text("a"), text("b"), text("c")
	one, two := tr.Next(&tr.Root, a), tr.Next(&tr.Root, a)
	if one != two {
		t.Error("connections that get the same are at different nodes")
	}
	one, two = tr.Next(one, b), tr.Next(two, c)
	if one == two {
		t.Error("connections that get something else are at one node")
	}
	if three := tr.Next(two, b); three == one {
		t.Error("the same message after others is at one node")
	}
	for n, want := range map[*Node][]*message.Message{one: {a, b}, two: {a, c}, tr.Next(two, b): {a, c, b}, &tr.Root: {}} {
		if got := n.Path([]*message.Message{c}); !slices.Equal(got, append([]*message.Message{c}, want...)) {
			t.Errorf("the path is %v, want %v", got, want)
		}
	}
}

// notify says that a message of the path wants to be told, of which there may be none behind.
func TestTreeKnowsWhoWantsToKnow(t *testing.T) {
	var tr Tree
	wants := message.New(message.Options{Done: func() {}}, message.Part{Data: []byte("a")})
	if n := tr.Next(&tr.Root, text("x")); n.Notify {
		t.Error("nobody wants to know")
	}
	n := tr.Next(&tr.Root, wants)
	if !n.Notify || !tr.Next(n, text("b")).Notify {
		t.Error("somebody wants to know")
	}
}

func TestTreeIsEmptiedAndKeptSmall(t *testing.T) {
	var tr Tree
	n := &tr.Root
	for range (maxKeptBlocks + 10) * blockNodes {
		n = tr.Next(n, text("x"))
	}
	first := weak.Make(n.Msg)
	last := weak.Make(&tr.blocks[len(tr.blocks)-1][0])
	n = nil
	tr.Reset()
	runtime.GC()
	if first.Value() != nil {
		t.Error("a message is kept")
	}
	if last.Value() != nil {
		t.Error("a block beyond the bound is kept")
	}
	if len(tr.blocks) != maxKeptBlocks || tr.Used != 0 || tr.Root.child != nil {
		t.Errorf("%d blocks, %d nodes", len(tr.blocks), tr.Used)
	}
	if n := tr.Next(&tr.Root, text("y")); n.depth != 1 || n.child != nil || n.Joined[message.Plain] != nil {
		t.Errorf("a node that was used before is %+v", n)
	}
}
