package engine

import (
	"runtime"
	"slices"
	"testing"
	"weak"
)

func text(s string) *Message { return NewMessage(MessageOptions{}, Part{Data: []byte(s)}) }

func TestTree(t *testing.T) {
	var tr tree
	a, b, c := text("a"), text("b"), text("c")
	one, two := tr.next(&tr.root, a), tr.next(&tr.root, a)
	if one != two {
		t.Error("connections that get the same are at different nodes")
	}
	one, two = tr.next(one, b), tr.next(two, c)
	if one == two {
		t.Error("connections that get something else are at one node")
	}
	if three := tr.next(two, b); three == one {
		t.Error("the same message after others is at one node")
	}
	for n, want := range map[*node][]*Message{one: {a, b}, two: {a, c}, tr.next(two, b): {a, c, b}, &tr.root: {}} {
		if got := n.path([]*Message{c}); !slices.Equal(got, append([]*Message{c}, want...)) {
			t.Errorf("the path is %v, want %v", got, want)
		}
	}
}

// notify says that a message of the path wants to be told, of which there may be none behind.
func TestTreeKnowsWhoWantsToKnow(t *testing.T) {
	var tr tree
	wants := text("a")
	wants.done = func() {}
	if n := tr.next(&tr.root, text("x")); n.notify {
		t.Error("nobody wants to know")
	}
	n := tr.next(&tr.root, wants)
	if !n.notify || !tr.next(n, text("b")).notify {
		t.Error("somebody wants to know")
	}
}

func TestTreeIsEmptiedAndKeptSmall(t *testing.T) {
	var tr tree
	n := &tr.root
	for range (maxKeptBlocks + 10) * blockNodes {
		n = tr.next(n, text("x"))
	}
	message := weak.Make(n.msg)
	last := weak.Make(&tr.blocks[len(tr.blocks)-1][0])
	n = nil
	tr.reset()
	runtime.GC()
	if message.Value() != nil {
		t.Error("a message is kept")
	}
	if last.Value() != nil {
		t.Error("a block beyond the bound is kept")
	}
	if len(tr.blocks) != maxKeptBlocks || tr.used != 0 || tr.root.child != nil {
		t.Errorf("%d blocks, %d nodes", len(tr.blocks), tr.used)
	}
	if n := tr.next(&tr.root, text("y")); n.depth != 1 || n.child != nil || n.joined[plain] != nil {
		t.Errorf("a node that was used before is %+v", n)
	}
}
