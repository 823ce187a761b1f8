package engine

// tree holds, for one batch, the sequences of messages that connections get. Each connection is at
// a node, and what it gets is the path from the root. Connections that get the same are at the same
// node, so their bytes are joined once; that is why a broadcast costs a receiver a pointer.
type tree struct {
	root   node
	blocks [][]node
	used   int
}

type node struct {
	msg    *Message
	parent *node
	child  *node // the last that was made
	notify bool  // somebody wants to know when a message of the path is sent
	depth  int
	joined [keptEncodings][]byte
}

// blockNodes is how many nodes are made at a time. They stay where they are: connections point to
// them.
const blockNodes = 256

// next returns the node that m leads to.
func (t *tree) next(n *node, m *Message) *node {
	if n.child != nil && n.child.msg == m {
		return n.child
	}
	block := t.used / blockNodes
	if block == len(t.blocks) {
		t.blocks = append(t.blocks, make([]node, blockNodes))
	}
	child := &t.blocks[block][t.used%blockNodes]
	t.used++
	child.msg, child.parent, child.depth, child.notify = m, n, n.depth+1, n.notify || m.done != nil
	n.child = child
	return child
}

// path appends the messages up to n, the first one first.
func (n *node) path(to []*Message) []*Message {
	start := len(to)
	for range n.depth {
		to = append(to, nil)
	}
	for ; n.parent != nil; n = n.parent {
		to[start+n.depth-1] = n.msg
	}
	return to
}

// maxKeptBlocks is how much of a tree is kept for the next batch.
const maxKeptBlocks = 64

// reset empties the tree. No connection is at any of its nodes.
func (t *tree) reset() {
	t.root.child = nil
	for used := t.used; used > 0; used -= blockNodes {
		clear(t.blocks[(used-1)/blockNodes])
	}
	if len(t.blocks) > maxKeptBlocks {
		clear(t.blocks[maxKeptBlocks:]) // the array behind the slice would keep them
		t.blocks = t.blocks[:maxKeptBlocks:maxKeptBlocks]
	}
	t.used = 0
}
