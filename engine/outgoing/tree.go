// Package outgoing has what a shard writes to its connections: the messages of one batch, joined once for all that get the
// same (Tree), and what a connection has not taken yet (Backlog). Neither is safe for concurrent use.
package outgoing

import "chorus/engine/message"

// Tree holds, for one batch, the sequences of messages that connections get. Each connection is at
// a node, and what it gets is the path from the root. Connections that get the same are at the same
// node, so their bytes are joined once; that is why a broadcast costs a receiver a pointer.
type Tree struct {
	Root   Node
	blocks [][]Node
	Used   int // nodes
}

// Node stands for the messages on the path from the root to it.
type Node struct {
	Msg    *message.Message
	parent *Node
	child  *Node // the last that was made
	Notify bool  // somebody wants to know when a message of the path is sent
	depth  int

	// Joined has the bytes of the path, where they have been made.
	Joined [message.KeptEncodings][]byte
}

// blockNodes is how many nodes are made at a time. They stay where they are: connections point to
// them.
const blockNodes = 256

// Next returns the node that m leads to.
func (t *Tree) Next(n *Node, m *message.Message) *Node {
	if n.child != nil && n.child.Msg == m {
		return n.child
	}
	block := t.Used / blockNodes
	if block == len(t.blocks) {
		t.blocks = append(t.blocks, make([]Node, blockNodes))
	}
	child := &t.blocks[block][t.Used%blockNodes]
	t.Used++
	child.Msg, child.parent, child.depth, child.Notify = m, n, n.depth+1, n.Notify || m.Options().Done != nil
	n.child = child
	return child
}

// Depth returns how many messages the path has.
func (n *Node) Depth() int { return n.depth }

// Path appends the messages up to n, the first one first.
func (n *Node) Path(to []*message.Message) []*message.Message {
	start := len(to)
	for range n.depth {
		to = append(to, nil)
	}
	for ; n.parent != nil; n = n.parent {
		to[start+n.depth-1] = n.Msg
	}
	return to
}

// maxKeptBlocks is how much of a tree is kept for the next batch.
const maxKeptBlocks = 64

// Reset empties the tree. No connection is at any of its nodes.
func (t *Tree) Reset() {
	t.Root.child = nil
	for used := t.Used; used > 0; used -= blockNodes {
		clear(t.blocks[(used-1)/blockNodes])
	}
	if len(t.blocks) > maxKeptBlocks {
		clear(t.blocks[maxKeptBlocks:]) // the array behind the slice would keep them
		t.blocks = t.blocks[:maxKeptBlocks:maxKeptBlocks]
	}
	t.Used = 0
}
