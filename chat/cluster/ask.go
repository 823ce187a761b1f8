package cluster

import (
	"context"
	"encoding/json"
	"log/slog"
	"strings"
	"sync"
	"time"

	"chorus/chat/client"
	"chorus/chat/rule"
)

// Nodes ask each other by signals: a question goes to all nodes, an answer to the one that asked. No room has such names.
const (
	questionTopic = "\x00ask"
	answerTopic   = "\x00answer:" // and the id of the node that asked
)

// Times of a question. A signal may be lost, so a question is repeated; a node takes one it knows as a new one.
const (
	askTimeout = 2 * time.Second
	askAgain   = 400 * time.Millisecond
)

// maxAsked bounds the questions of other nodes that are being answered. Further ones are dropped, and come again.
const maxAsked = 64

// inquiry is what a node asks the others; nodeAnswer is what one of them answers.
type (
	inquiry struct {
		ID   string          `json:"id"`
		From string          `json:"from"`
		Kind string          `json:"kind"`
		Args json.RawMessage `json:"args"`
	}
	nodeAnswer struct {
		ID    string          `json:"id"`
		Node  string          `json:"node"`
		Value json.RawMessage `json:"value"`
	}
)

// asking holds the questions of this node that wait for answers.
type asking struct {
	mu      sync.Mutex
	waiting map[string]chan nodeAnswer           // by id
	own     map[string]func(json.RawMessage) any // of the program, by kind
	slots   chan struct{}                        // for questions of others
}

// Nodes asks the nodes about their clients: rooms, users, connections, traces.
type Nodes struct {
	*client.Clients
	asking   asking
	traces   traces
	browsing chan struct{} // slots of requests that list rooms
}

// New returns what asks the nodes. Start begins its work.
func New(c *client.Clients) *Nodes {
	return &Nodes{
		Clients: c, browsing: make(chan struct{}, maxBrowsing),
		asking: asking{waiting: make(map[string]chan nodeAnswer), slots: make(chan struct{}, maxAsked)},
	}
}

// Start has this node answer the others.
func (c *Nodes) Start() {
	if c.Options.Nodes != nil {
		c.Task(func() { c.listen(c.Running) }) // ends with Close
	}
}

// Requests are what clients may ask for.
func (c *Nodes) Requests() []client.Request {
	return []client.Request{{Name: rule.EventRooms, Takes: "nothing or {prefix, cursor, limit}", Least: 0, Most: 1, Handle: c.browse}}
}

// kinds are the questions that nodes ask, with what answers them.
func (c *Nodes) kinds() map[string]func(json.RawMessage) (any, error) {
	return map[string]func(json.RawMessage) (any, error){
		"rooms":       answering(c.roomsHere),
		"room":        answering(c.roomHere),
		"connections": answering(c.connectionsHere),
		"join":        answering(c.joinHere),
		"leave":       answering(c.leaveHere),
		"disconnect":  answering(c.disconnectHere),
		"stats":       answering(c.statsHere),
		"permissions": answering(c.permissionsHere),
		"trace":       answering(c.traceHere),
	}
}

// kind returns what answers a question, nil for one that nobody knows.
func (c *Nodes) kind(name string) func(json.RawMessage) (any, error) {
	c.asking.mu.Lock()
	own := c.asking.own[name]
	c.asking.mu.Unlock()
	if own != nil {
		return func(args json.RawMessage) (any, error) { return own(args), nil }
	}
	return c.kinds()[name]
}

// Answer has fn answer a question of the program that AskAll asks. Register before the node runs.
func (c *Nodes) Answer(kind string, fn func(args json.RawMessage) any) {
	c.asking.mu.Lock()
	defer c.asking.mu.Unlock()
	if c.asking.own == nil {
		c.asking.own = make(map[string]func(json.RawMessage) any)
	}
	c.asking.own[kind] = fn
}

// AskAll asks a question of the program on every node. It returns the ids of the nodes that did not answer in time.
func (c *Nodes) AskAll(ctx context.Context, kind string) (missing []string, err error) {
	return c.askAll(ctx, kind, json.RawMessage("{}"), func(string, json.RawMessage) error { return nil })
}

// answering makes of a typed function one that answers a question.
func answering[Q, A any](fn func(Q) A) func(json.RawMessage) (any, error) {
	return func(args json.RawMessage) (any, error) {
		var q Q
		if err := json.Unmarshal(args, &q); err != nil {
			return nil, err
		}
		return fn(q), nil
	}
}

// Ask asks every node, this one included, and hands each answer to collect. It returns the ids of the nodes that did not
// answer in time: they hang, or have just died.
func Ask[Q, A any](ctx context.Context, c *Nodes, kind string, q Q, collect func(node string, a A)) (missing []string, err error) {
	args, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	return c.askAll(ctx, kind, args, func(node string, value json.RawMessage) error {
		var a A
		if err := json.Unmarshal(value, &a); err != nil {
			return err
		}
		collect(node, a)
		return nil
	})
}

func (c *Nodes) askAll(ctx context.Context, kind string, args json.RawMessage, collect func(string, json.RawMessage) error) ([]string, error) {
	own, err := c.kind(kind)(args)
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(own)
	if err != nil {
		return nil, err
	}
	self := ""
	if c.Options.Nodes != nil {
		self = c.Options.Nodes.ID()
	}
	if err := collect(self, text); err != nil {
		return nil, err
	}
	if len(c.others()) == 0 {
		return nil, nil
	}
	return c.askOthers(ctx, inquiry{ID: rule.NewID(), From: self, Kind: kind, Args: args}, collect)
}

// others returns the ids of the other nodes that are alive.
func (c *Nodes) others() map[string]bool {
	if c.Options.Nodes == nil {
		return nil
	}
	ids := make(map[string]bool)
	for _, n := range c.Options.Nodes.Nodes() {
		if n.ID != c.Options.Nodes.ID() {
			ids[n.ID] = true
		}
	}
	return ids
}

func (c *Nodes) askOthers(ctx context.Context, q inquiry, collect func(string, json.RawMessage) error) ([]string, error) {
	answers := make(chan nodeAnswer, 256)
	c.asking.mu.Lock()
	c.asking.waiting[q.ID] = answers
	c.asking.mu.Unlock()
	defer func() {
		c.asking.mu.Lock()
		delete(c.asking.waiting, q.ID)
		c.asking.mu.Unlock()
	}()
	text, err := json.Marshal(q)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	again := time.NewTicker(askAgain)
	defer again.Stop()
	c.Store.Signal(questionTopic, text)
	answered := make(map[string]bool)
	for {
		missing := c.unanswered(answered)
		if len(missing) == 0 {
			return nil, nil
		}
		select {
		case a := <-answers:
			if answered[a.Node] {
				continue
			}
			answered[a.Node] = true
			if err := collect(a.Node, a.Value); err != nil {
				return nil, err
			}
		case <-again.C:
			c.Store.Signal(questionTopic, text)
		case <-ctx.Done():
			return missing, nil
		}
	}
}

func (c *Nodes) unanswered(answered map[string]bool) (missing []string) {
	for id := range c.others() {
		if !answered[id] {
			missing = append(missing, id)
		}
	}
	return missing
}

// Asked takes a signal that is a question or an answer, and reports whether it was one.
func (c *Nodes) Asked(topic string, data []byte) bool {
	switch {
	case topic == questionTopic:
		var q inquiry
		if json.Unmarshal(data, &q) != nil || c.Options.Nodes == nil || q.From == c.Options.Nodes.ID() {
			return true
		}
		select {
		case c.asking.slots <- struct{}{}:
			c.Task(func() { // ends with the answer
				defer func() { <-c.asking.slots }()
				c.reply(&q)
			})
		default:
		}
		return true
	case strings.HasPrefix(topic, answerTopic):
		var a nodeAnswer
		if json.Unmarshal(data, &a) == nil {
			c.asking.mu.Lock()
			waiting := c.asking.waiting[a.ID]
			c.asking.mu.Unlock()
			select {
			case waiting <- a:
			default: // nobody waits, or it has more than enough
			}
		}
		return true
	}
	return false
}

// reply answers a question of another node.
func (c *Nodes) reply(q *inquiry) {
	kind := c.kind(q.Kind)
	if kind == nil {
		return // of a later version
	}
	value, err := kind(q.Args)
	var text []byte
	if err == nil {
		if text, err = json.Marshal(value); err == nil {
			text, err = json.Marshal(nodeAnswer{ID: q.ID, Node: c.Options.Nodes.ID(), Value: text})
		}
	}
	if err != nil {
		c.Options.Logger.Warn("a question of another node cannot be answered", slog.String("kind", q.Kind), slog.Any("error", err))
		return
	}
	c.Store.Signal(answerTopic+q.From, text)
}

// listen follows the topics of questions and answers, as soon as Redis is there.
func (c *Nodes) listen(ctx context.Context) {
	for _, topic := range []string{questionTopic, answerTopic + c.Options.Nodes.ID()} {
		for c.Store.Follow(ctx, topic) != nil {
			select {
			case <-ctx.Done():
				return
			case <-time.After(askAgain):
			}
		}
	}
}
