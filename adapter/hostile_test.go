package adapter_test

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	"chorus/internal/redistest"

	"github.com/tinylib/msgp/msgp"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// logbook keeps what is logged.
type logbook struct {
	mu      sync.Mutex
	records []string
}

func (l *logbook) Enabled(context.Context, slog.Level) bool { return true }

func (l *logbook) Handle(_ context.Context, r slog.Record) error { //nolint:gocritic // slog's signature
	l.mu.Lock()
	defer l.mu.Unlock()
	l.records = append(l.records, r.Level.String()+" "+r.Message)
	return nil
}

func (l *logbook) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *logbook) WithGroup(string) slog.Handler { return l }

// count returns how many messages contain the text.
func (l *logbook) count(text string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	n := 0
	for _, r := range l.records {
		if strings.Contains(r, text) {
			n++
		}
	}
	return n
}

// pack writes a value as MessagePack.
func pack(t *testing.T, v any) string {
	t.Helper()
	b, err := msgp.AppendIntf(nil, v)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// ownResponseChannel asks Redis for the channel of answers to this server alone.
func ownResponseChannel(t *testing.T, n *node) string {
	t.Helper()
	names, err := n.client.PubSubChannels(t.Context(), "socket.io-response#/#?*").Result()
	if err != nil || len(names) != 1 {
		t.Fatalf("the channels are %q, %v", names, err)
	}
	return names[0]
}

func publish(t *testing.T, n *node, channel, payload string) {
	t.Helper()
	if err := n.client.Publish(t.Context(), channel, payload).Err(); err != nil {
		t.Fatal(err)
	}
}

func TestMalformedMessages(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	log := &logbook{}
	n := startNode(t, addr, settings{clusterOptions: clusterOptions{Logger: slog.New(log)}})
	c := join(t, n, "r")
	own := ownResponseChannel(t, n)
	nest := func(levels int) string { return strings.Repeat("[", levels) + strings.Repeat("]", levels) }

	event := map[string]any{"type": 2, "data": []any{"x"}, "nsp": "/"}
	// Values that JavaScript takes for what they stand for, such as a number as uid, are read: see package wire.
	broadcasts := map[string]string{
		"nothing":                  "",
		"JSON":                     `{"uid":"u"}`,
		"a number":                 "\x01",
		"the reserved byte":        "\xc1",
		"an empty array":           "\x90",
		"cut off":                  "\x93\xa1u",
		"a packet as a list":       pack(t, []any{"u", []any{}, map[string]any{}}),
		"no event":                 pack(t, []any{"u", map[string]any{"type": 2, "data": []any{}}, map[string]any{}}),
		"another packet type":      pack(t, []any{"u", map[string]any{"type": 1, "data": []any{"x"}}, map[string]any{}}),
		"another namespace":        pack(t, []any{"u", map[string]any{"type": 2, "data": []any{"x"}, "nsp": "/y"}, map[string]any{}}),
		"an array of 4 billion":    "\x93\xa1u\xdd\xff\xff\xff\xff",
		"a map of 4 billion":       "\x93\xa1u\xdf\xff\xff\xff\xff",
		"rooms, 4 billion of them": "\x93\xa1u\xc0\x81\xa5rooms\xdd\xff\xff\xff\xff",
		"a million levels":         "\x93\xa1u" + strings.Repeat("\x91", 1<<20),
	}
	requests := map[string]string{
		"nothing":                   "",
		"no JSON":                   "{",
		"a JSON list":               "[1]",
		"a JSON text":               `"x"`,
		"an unknown type":           `{"type":99}`,
		"a negative type":           `{"type":-1}`,
		"an answer's type":          `{"type":8}`,
		"a type as text":            `{"type":"5"}`,
		"an event without a name":   `{"type":6,"data":[]}`,
		"an event without data":     `{"type":6}`,
		"an event with a number":    `{"type":6,"data":[7]}`,
		"an event as a map":         `{"type":6,"data":{"0":"x"}}`,
		"a forged connect":          `{"type":6,"data":["connect",{}]}`,
		"a forged connection":       `{"type":6,"data":["connection",{}]}`,
		"a forged new_namespace":    `{"type":6,"data":["new_namespace",{}]}`,
		"twenty thousand levels":    `{"type":6,"data":["x",` + nest(20000) + `]}`,
		"MessagePack, but a list":   "\x91\x01",
		"no request id":             pack(t, map[string]any{"uid": "u", "type": 7, "packet": event, "opts": map[string]any{}}),
		"no packet":                 pack(t, map[string]any{"uid": "u", "type": 7, "requestId": "q"}),
		"another request":           pack(t, map[string]any{"uid": "u", "type": 5, "requestId": "q", "packet": event}),
		"a packet without an event": pack(t, map[string]any{"uid": "u", "type": 7, "requestId": "q", "packet": map[string]any{"type": 2}}),
		"a map of 4 billion":        "\xdf\xff\xff\xff\xff",
	}
	responses := map[string]string{
		"nothing":                 "",
		"no JSON":                 "{",
		"a JSON list":             "[]",
		"a negative count":        `{"type":8,"requestId":"q","clientCount":-1}`,
		"a fractional count":      `{"type":8,"requestId":"q","clientCount":1.5}`,
		"MessagePack, but a list": "\x90",
		"another type":            pack(t, map[string]any{"type": 8, "requestId": "q", "packet": 1}),
		"cut off":                 "\x83\xa4type",
		"a map of 4 billion":      "\xdf\xff\xff\xff\xff",
	}
	first, sent := n.redis.Stats().Malformed, uint64(0)
	for _, channel := range []struct {
		name     string
		payloads map[string]string
	}{
		{"socket.io#/#", broadcasts},
		{"socket.io#/#r#", broadcasts},
		{"socket.io-request#/#", requests},
		{"socket.io-response#/#", responses},
		{own, responses},
	} {
		for name, payload := range channel.payloads {
			before := n.redis.Stats().Malformed
			publish(t, n, channel.name, payload)
			eventually(t, channel.name+": "+name+" is counted as malformed", func() bool { return n.redis.Stats().Malformed > before })
			sent++
		}
	}
	if got := n.redis.Stats().Malformed - first; got != sent {
		t.Errorf("%d malformed messages are counted as %d", sent, got)
	}
	if got := log.count("malformed"); got != 1 {
		t.Errorf("malformed messages are logged %d times within a minute", got)
	}

	// After all of it the node is what it was.
	other := startNode(t, addr, settings{})
	other.To("r").Emit("x", 1)
	other.Emit("end")
	c.want(`2["x",1]`)
	if got := fetch(t, other.In("r")); got.err != nil || len(got.sockets) != 1 {
		t.Errorf("fetched %+v", got)
	}
	if err := n.redis.Health(); err != nil {
		t.Error(err)
	}
}

// TestHarmlessMessages: what is well-formed but of no use to this node is not an error.
func TestHarmlessMessages(t *testing.T) {
	t.Parallel()
	n := startNode(t, redistest.Start(t, redistest.Options{}).Addr, settings{})
	c := join(t, n, "r")
	var channels []string
	for _, m := range []struct{ channel, payload string }{
		{"socket.io-response#/#", `{"requestId":"unknown"}`},
		{"socket.io-response#/#", `{"requestId":"unknown","sockets":[{"id":"A"}]}`},
		{"socket.io-response#/#", `{"type":8,"requestId":"unknown","clientCount":18446744073709551615}`},
		{"socket.io-response#/#", pack(t, map[string]any{"type": 9, "requestId": "unknown", "packet": 1})},
		{ownResponseChannel(t, n), `{"requestId":"unknown"}`},
		{"socket.io-request#/#", `{"type":5,"requestId":"q"}`}, // without options: all
		{"socket.io-request#/#", `{"type":1}`},
		{"socket.io-request#/#", `{"type":2,"sid":"nobody","room":"x"}`},
		{"socket.io-request#/#", `{"type":6,"data":["nobody listens"]}`},
		{"socket.io-request#/#", `{"type":2,"opts":{"rooms":["nowhere"],"except":[]},"rooms":["x"]}`},
		{"socket.io#/#", pack(t, []any{"u", map[string]any{"type": 2, "data": []any{"x"}}, map[string]any{"rooms": []any{"nowhere"}}})},
		{"socket.io#/#no end", pack(t, []any{"u", nil, nil})},
	} {
		publish(t, n, m.channel, m.payload)
		channels = append(channels, m.channel)
	}
	n.Emit("end")
	c.want()
	eventually(t, "all is received", func() bool { return n.redis.Stats().Received > uint64(len(channels)) })
	if got := n.redis.Stats().Malformed; got != 0 {
		t.Errorf("%d are counted as malformed", got)
	}
}

// TestForeignRoomsAreNotDecoded: garbage for a room that nobody here is in is skipped, so it has
// not been looked at.
func TestForeignRoomsAreNotDecoded(t *testing.T) {
	t.Parallel()
	n := startNode(t, redistest.Start(t, redistest.Options{}).Addr, settings{})
	const garbage = "\xc1 no MessagePack"
	good := pack(t, []any{"u", "a packet that is none", map[string]any{"rooms": []any{"foreign", "strange"}}})
	for i, m := range []struct{ name, channel, payload string }{
		{"by the channel", "socket.io#/#foreign#", garbage},
		{"by the channel, a room with #", "socket.io#/#r#foreign#", garbage},
		{"by the rooms behind the packet", "socket.io#/#", good},
	} {
		publish(t, n, m.channel, m.payload)
		eventually(t, m.name, func() bool { return n.redis.Stats().Skipped == uint64(i+1) })
		if got := n.redis.Stats().Malformed; got != 0 {
			t.Errorf("%s: %d are counted as malformed", m.name, got)
		}
	}
	c := join(t, n, "foreign")
	publish(t, n, "socket.io#/#foreign#", garbage)
	eventually(t, "with a member the message counts as malformed", func() bool { return n.redis.Stats().Malformed == 1 })
	c.socket().Leave("foreign")
	publish(t, n, "socket.io#/#foreign#", garbage)
	eventually(t, "without it no longer", func() bool { return n.redis.Stats().Skipped == 4 })
}

// TestPanickingHandlers: the application's handlers that run for a message of another server must
// not end the node, as those that run for a client do not.
func TestPanickingHandlers(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t, redistest.Options{}).Addr
	log := &logbook{}
	a := startNode(t, addr, settings{clusterOptions: clusterOptions{Logger: slog.New(log)}})
	b := startNode(t, addr, settings{})
	here := join(t, a, "bye")
	there := join(t, b, "there").answers(`["yes"]`)
	heard := make(chan string, 1)
	for _, err := range []error{
		a.Sockets().On("boom", func(...any) { panic("server-side event") }),
		a.Sockets().On("fine", func(...any) { heard <- "fine" }),
		here.socket().On("disconnect", func(...any) { panic("disconnect") }),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	works := func(t *testing.T) {
		t.Helper()
		eventually(t, "the panic is logged", func() bool { return log.count("ERROR") == 1 })
		log.mu.Lock()
		log.records = nil
		log.mu.Unlock()
		if err := b.ServerSideEmit("fine"); err != nil {
			t.Fatal(err)
		}
		receive(t, "an event afterwards", heard)
	}
	t.Run("server-side event", func(t *testing.T) {
		if err := b.ServerSideEmit("boom"); err != nil {
			t.Fatal(err)
		}
		works(t)
	})
	t.Run("callback of a request", func(t *testing.T) {
		a.FetchSockets()(func([]*socket.RemoteSocket, error) { panic("callback") })
		works(t)
	})
	t.Run("acknowledgement", func(t *testing.T) {
		if err := a.To("there").Timeout(patience).Emit("ask", func([]any, error) { panic("acknowledgement") }); err != nil {
			t.Fatal(err)
		}
		there.next()
		works(t)
	})
	t.Run("disconnection", func(t *testing.T) {
		b.In("bye").DisconnectSockets(false)
		if got := here.next(); got != "1" {
			t.Errorf("got %q, want a DISCONNECT", got)
		}
		works(t)
	})
}

// TestEventsThatPileUp: a handler that blocks costs server-side events, and nothing else.
func TestEventsThatPileUp(t *testing.T) {
	t.Parallel()
	log := &logbook{}
	n := startNode(t, redistest.Start(t, redistest.Options{}).Addr, settings{clusterOptions: clusterOptions{Logger: slog.New(log)}})
	c := join(t, n)
	entered, leave := make(chan struct{}), make(chan struct{})
	var once sync.Once
	t.Cleanup(func() { once.Do(func() { close(leave) }) })
	if err := n.Sockets().On("slow", func(...any) { entered <- struct{}{}; <-leave }); err != nil {
		t.Fatal(err)
	}
	handled := make(chan struct{}, 2000)
	if err := n.Sockets().On("quick", func(...any) { handled <- struct{}{} }); err != nil {
		t.Fatal(err)
	}
	publish(t, n, "socket.io-request#/#", `{"type":6,"data":["slow"]}`)
	receive(t, "the slow handler", entered)
	const waiting, more = 1024, 5
	pipe := n.client.Pipeline()
	for range waiting + more {
		pipe.Publish(t.Context(), "socket.io-request#/#", `{"type":6,"data":["quick"]}`)
	}
	pipe.Publish(t.Context(), "socket.io#/#", pack(t, []any{"u", map[string]any{"type": 2, "data": []any{"end"}}, map[string]any{}}))
	if _, err := pipe.Exec(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.want() // broadcasts do not wait for the handler
	if got := n.redis.Stats().EventsDropped; got != more {
		t.Errorf("%d events are dropped, want %d", got, more)
	}
	once.Do(func() { close(leave) })
	for range waiting {
		receive(t, "an event", handled)
	}
}

// TestEmitter replays what other programs than ours send, by hand: requests without a sender, of
// the old form, and of the kinds that we answer but never ask.
func TestEmitter(t *testing.T) {
	t.Parallel()
	n := startNode(t, redistest.Start(t, redistest.Options{}).Addr, settings{})
	c, d := join(t, n, "r1"), join(t, n, "r2")
	in := func(c *client, room socket.Room) func() bool {
		return func() bool { return c.socket().Rooms().Has(room) }
	}
	answers := n.client.Subscribe(t.Context(), "socket.io-response#/#")
	defer func() { _ = answers.Close() }()
	if _, err := answers.Receive(t.Context()); err != nil {
		t.Fatal(err)
	}
	ask := func(request string) {
		t.Helper()
		publish(t, n, "socket.io-request#/#", request)
	}
	answer := func() (got map[string]any) {
		t.Helper()
		m := receive(t, "an answer", answers.Channel())
		if err := json.Unmarshal([]byte(m.Payload), &got); err != nil {
			t.Fatalf("%q: %v", m.Payload, err)
		}
		return got
	}

	ask(`{"type":2,"opts":{"rooms":["r1"],"except":[]},"rooms":["r7",8]}`)
	eventually(t, "the emitter makes the socket join", func() bool { return in(c, "r7")() && in(c, "8")() })
	ask(`{"type":3,"opts":{"rooms":["r1"],"except":[]},"rooms":["r7"]}`)
	eventually(t, "and leave", func() bool { return !in(c, "r7")() })
	if in(d, "8")() {
		t.Error("another socket has joined")
	}

	old := func(kind int, room string) string {
		return fmt.Sprintf(`{"uid":"u","requestId":"old","type":%d,"sid":%q,"room":%s}`, kind, c.id, room)
	}
	ask(old(2, `7`))
	if got := answer(); got["requestId"] != "old" || !in(c, "7")() {
		t.Errorf("the answer is %v, the rooms %v", got, c.socket().Rooms().Keys())
	}
	ask(old(3, `"7"`))
	if got := answer(); got["requestId"] != "old" || in(c, "7")() {
		t.Errorf("the answer is %v, the rooms %v", got, c.socket().Rooms().Keys())
	}

	ask(`{"uid":"u","requestId":"sockets","type":0,"rooms":["r2"]}`)
	if got := fmt.Sprint(answer()); got != fmt.Sprint(map[string]any{"requestId": "sockets", "sockets": []any{string(d.id)}}) {
		t.Errorf("the answer is %v", got)
	}
	ask(`{"uid":"u","requestId":"rooms","type":1}`)
	got := answer()
	rooms, _ := got["rooms"].([]any)
	for _, want := range []string{"r1", "8", "r2", string(c.id), string(d.id)} {
		if !slices.Contains(rooms, any(want)) {
			t.Errorf("the rooms %v miss %q", rooms, want)
		}
	}

	heard := make(chan []any, 1)
	if err := n.Sockets().On("sse", func(args ...any) { heard <- args }); err != nil {
		t.Fatal(err)
	}
	ask(`{"uid":"emitter","type":6,"data":["sse",1]}`)
	if got := receive(t, "the event", heard); len(got) != 1 || got[0] != 1.0 {
		t.Errorf("got %v", got)
	}

	// Without a timeout among the flags, the node's own ends the waiting.
	c.answers(`["yes"]`)
	ask(pack(t, map[string]any{"uid": "u", "requestId": "ack", "type": 7,
		"packet": map[string]any{"type": 2, "data": []any{"ask"}}, "opts": map[string]any{"rooms": []any{"r1"}}}))
	if got := answer(); got["requestId"] != "ack" || got["clientCount"] != 1.0 || got["type"] != 8.0 {
		t.Errorf("the answer is %v", got)
	}
	m := receive(t, "the acknowledgement", answers.Channel())
	var reply map[string]any
	if err := readJSON(m.Payload, &reply); err != nil || reply["packet"] != "yes" || reply["type"] != 9.0 {
		t.Errorf("the answer is %v, %v", reply, err)
	}

	ask(old(4, `null`))
	if got := answer(); got["requestId"] != "old" {
		t.Errorf("the answer is %v", got)
	}
	if _, here := n.Sockets().Sockets().Load(c.id); here {
		t.Error("the socket is still connected")
	}
	ask(`{"type":4,"opts":{"rooms":["r2"],"except":[]},"close":true}`)
	d.ended()
}

// readJSON decodes MessagePack as the JSON that it means.
func readJSON(payload string, v any) error {
	var text bytes.Buffer
	if _, err := msgp.UnmarshalAsJSON(&text, []byte(payload)); err != nil {
		return err
	}
	return json.Unmarshal(text.Bytes(), v)
}
