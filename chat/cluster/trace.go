package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"time"

	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Frame is an event that a client sent or was sent, for people who look for a fault.
type Frame struct {
	Node   string `json:"node"`
	Seq    int64  `json:"seq" doc:"Counts the frames of a node."`
	At     int64  `json:"at" doc:"Milliseconds since 1970."`
	Socket string `json:"socket"`
	Sent   bool   `json:"sent" doc:"To the client; else from it."`
	Text   string `json:"text" doc:"The event with its arguments as JSON. Tokens are left out, and long texts are cut."`
}

// Bounds of a trace. It ends when nobody has asked for it for a while.
const (
	tracePatience  = 15 * time.Second
	maxTraces      = 20  // users of a node
	maxTraced      = 20  // sockets of a user on a node
	maxFrames      = 500 // that wait to be asked for
	maxFrameText   = 500 // characters
	traceEvent     = 2_000
	hiddenArgument = `"[redacted]"`
)

// eventsWithTokens carry what nobody may see.
var eventsWithTokens = []string{"token:refresh", "authenticate"}

// trace records the events of a user's sockets on this node.
type trace struct {
	mu     sync.Mutex
	seq    int64
	frames []Frame
	asked  time.Time
	ends   map[*socket.Socket]func()
}

// traces are those of this node, by user.
type traces struct {
	mu     sync.Mutex
	byUser map[string]*trace
}

type traceQuestion struct {
	User  string
	After map[string]int64
}

type traceAnswer struct{ Frames []Frame }

// Trace records what the sockets of a user send and get on all nodes, from the first call on and until it is not called
// for 15 seconds. It returns the frames after those that after names, the last one of each node.
func (c *Nodes) Trace(ctx context.Context, user string, after map[string]int64) (frames []Frame, err error) {
	frames = []Frame{}
	_, err = Ask(ctx, c, "trace", traceQuestion{user, after}, func(node string, a traceAnswer) {
		for _, frame := range a.Frames {
			frame.Node = node
			frames = append(frames, frame)
		}
	})
	slices.SortStableFunc(frames, func(a, b Frame) int { return int(a.At - b.At) })
	return frames, err
}

func (c *Nodes) traceHere(q traceQuestion) (a traceAnswer) {
	self := ""
	if c.Options.Nodes != nil {
		self = c.Options.Nodes.ID()
	}
	clients := c.ClientsOf(q.User)
	t := c.traces.of(q.User, len(clients) > 0)
	if t == nil {
		return a
	}
	for _, cl := range clients {
		t.follow(cl.Socket)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.asked = time.Now()
	for _, frame := range t.frames {
		if frame.Seq > q.After[self] {
			a.Frames = append(a.Frames, frame)
		}
	}
	return a
}

// of returns the trace of a user, which it begins if asked to and there are not too many. It ends those that nobody asks
// for any more.
func (ts *traces) of(user string, begin bool) *trace {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for name, t := range ts.byUser {
		if name != user && t.isOver() {
			t.end()
			delete(ts.byUser, name)
		}
	}
	t := ts.byUser[user]
	if t == nil && begin && len(ts.byUser) < maxTraces {
		t = &trace{asked: time.Now(), ends: make(map[*socket.Socket]func())}
		if ts.byUser == nil {
			ts.byUser = make(map[string]*trace)
		}
		ts.byUser[user] = t
	}
	return t
}

func (t *trace) isOver() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return time.Since(t.asked) > tracePatience
}

// follow records what a socket sends and gets from now on.
func (t *trace) follow(s *socket.Socket) {
	t.mu.Lock()
	_, known := t.ends[s]
	if known || len(t.ends) >= maxTraced {
		t.mu.Unlock()
		return
	}
	in := func(args ...any) { t.record(s, false, args) }
	out := func(args ...any) { t.record(s, true, args) }
	t.ends[s] = func() {
		s.OffAny(in)
		s.OffAnyOutgoing(out)
	}
	t.mu.Unlock()
	s.OnAny(in)
	s.OnAnyOutgoing(out)
}

// end stops recording.
func (t *trace) end() {
	t.mu.Lock()
	ends := t.ends
	t.ends = nil
	t.mu.Unlock()
	for _, end := range ends {
		end()
	}
}

func (t *trace) record(s *socket.Socket, sent bool, args []any) {
	if t.isOver() {
		t.end()
		return
	}
	text := frameText(args)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seq++
	if len(t.frames) == maxFrames {
		t.frames = slices.Delete(t.frames, 0, 1)
	}
	t.frames = append(t.frames, Frame{Seq: t.seq, At: time.Now().UnixMilli(), Socket: string(s.Id()), Sent: sent, Text: text})
}

// frameText writes an event as JSON, without what is secret.
func frameText(args []any) string {
	values, _ := codec.SplitAck(args)
	text := "["
	for i, value := range values {
		if i > 0 {
			text += ","
		}
		if name, ok := values[0].(string); ok && i > 0 && slices.Contains(eventsWithTokens, name) {
			text += hiddenArgument
			continue
		}
		if len(text) > traceEvent {
			text += "…"
			break
		}
		part, err := json.Marshal(value)
		if err != nil {
			part = fmt.Appendf(nil, "%q", fmt.Sprintf("%T", value))
		}
		text += string(part)
	}
	text += "]"
	if runes := []rune(text[:min(len(text), 4*maxFrameText)]); len(runes) > maxFrameText {
		return string(runes[:maxFrameText]) + "…"
	}
	return text
}
