package emitter_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"chorus/adapter/emitter"
	"chorus/adapter/wire"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// recorder keeps what a client would send.
type recorder struct{ commands [][]any }

func (r *recorder) DialHook(next redis.DialHook) redis.DialHook { return next }

func (r *recorder) ProcessHook(redis.ProcessHook) redis.ProcessHook {
	return func(_ context.Context, cmd redis.Cmder) error {
		r.commands = append(r.commands, cmd.Args())
		return nil
	}
}

func (r *recorder) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return next
}

func record(t *testing.T, opts emitter.Options) (*emitter.Emitter, *recorder) {
	t.Helper()
	client := redis.NewClient(&redis.Options{})
	t.Cleanup(func() { _ = client.Close() })
	r := &recorder{}
	client.AddHook(r)
	return emitter.New(client, opts), r
}

// what is done with the emitter of Node.js in testdata.
func operations(ctx context.Context, e *emitter.Emitter) map[string]func() error {
	return map[string]func() error{
		"emit to all":       func() error { return e.Emit(ctx, "hello", 1) },
		"emit to one room":  func() error { return e.To("r").Emit(ctx, "hello", "x") },
		"emit to two rooms": func() error { return e.To("r", "s").Emit(ctx, "hello") },
		"emit except":       func() error { return e.To("r").Except("x").Emit(ctx, "hello", nil, true) },
		"emit volatile":     func() error { return e.Volatile().Emit(ctx, "hello") },
		"emit uncompressed": func() error { return e.Compress(false).Emit(ctx, "hello") },
		"emit to chat":      func() error { return e.Of("chat").Emit(ctx, "hello") },
		"emit values": func() error {
			return e.Emit(ctx, "hello", -1, 5, 1.5, "é😀", []any{1, []string{"a"}}, map[string]int{"a": 1}, []byte{1, 2, 3})
		},
		"join":                 func() error { return e.In("r").SocketsJoin(ctx, "a", "b") },
		"leave":                func() error { return e.Except("x").SocketsLeave(ctx, "a") },
		"disconnect":           func() error { return e.In("r").DisconnectSockets(ctx, false) },
		"disconnect and close": func() error { return e.DisconnectSockets(ctx, true) },
		"server side emit":     func() error { return e.ServerSideEmit(ctx, "note", 7, map[string]any{"a": "b"}) },
	}
}

// TestBytesOfNode: testdata/emitter.jsonl is what @socket.io/redis-emitter 5.1.0 publishes.
func TestBytesOfNode(t *testing.T) {
	t.Parallel()
	file, err := os.Open("testdata/emitter.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // nothing was written
	e, r := record(t, emitter.Options{})
	ops := operations(t.Context(), e)
	for lines := bufio.NewScanner(file); lines.Scan(); {
		var golden struct {
			Op   string
			Args []json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &golden); err != nil {
			t.Fatal(err)
		}
		var channel string
		if err := json.Unmarshal(golden.Args[0], &channel); err != nil {
			t.Fatal(err)
		}
		op, ok := ops[golden.Op]
		if !ok {
			t.Fatalf("no operation %q", golden.Op)
		}
		if err := op(); err != nil {
			t.Errorf("%s: %v", golden.Op, err)
			continue
		}
		got := r.commands[len(r.commands)-1]
		want := []any{"publish", channel, payloadOf(t, golden.Args[1])}
		if fmt.Sprintf("%q", got) != fmt.Sprintf("%q", want) {
			t.Errorf("%s:\n got %q\nwant %q", golden.Op, got, want)
		}
		delete(ops, golden.Op)
	}
	if len(ops) > 0 {
		t.Errorf("%d operations are not in the file", len(ops))
	}
}

func payloadOf(t *testing.T, arg json.RawMessage) []byte {
	t.Helper()
	var text string
	if json.Unmarshal(arg, &text) == nil {
		return []byte(text)
	}
	var binary struct{ Hex string }
	if err := json.Unmarshal(arg, &binary); err != nil {
		t.Fatal(err)
	}
	b, err := hex.DecodeString(binary.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestOtherFormats(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	const all, event = "p#/#", `{"uid":"emitter","nsp":"/","type":3,"data":{"opts":{"rooms":["r"],"except":[],"flags":{}},"packet":{"type":2,"data":["x",{"a":1}]}}}`
	for _, test := range []struct {
		name string
		opts emitter.Options
		do   func(*emitter.Emitter) error
		want []string // of the command, the beginning of each argument
	}{
		{"sharded, a room", emitter.Options{Adapter: wire.Sharded}, func(e *emitter.Emitter) error { return e.To("r").Emit(ctx, "x", json.RawMessage(`{"a":1}`)) },
			[]string{"spublish", all + "r#", event}},
		{"sharded, a socket", emitter.Options{Adapter: wire.Sharded}, func(e *emitter.Emitter) error { return e.To("abcdefghijklmnopqrst").Emit(ctx, "x") },
			[]string{"spublish", all, `{"uid":"emitter"`}},
		{"sharded, a socket of its own", emitter.Options{Adapter: wire.Sharded, Mode: wire.DynamicPrivate}, func(e *emitter.Emitter) error { return e.To("abcdefghijklmnopqrst").Emit(ctx, "x") },
			[]string{"spublish", all + "abcdefghijklmnopqrst#", ""}},
		{"sharded, static", emitter.Options{Adapter: wire.Sharded, Mode: wire.Static}, func(e *emitter.Emitter) error { return e.To("r").Emit(ctx, "x") },
			[]string{"spublish", all, ""}},
		{"sharded, join", emitter.Options{Adapter: wire.Sharded}, func(e *emitter.Emitter) error { return e.To("r").SocketsJoin(ctx, "s") },
			[]string{"spublish", all, `{"uid":"emitter","nsp":"/","type":4,"data":{"opts":{"rooms":["r"],"except":[],"flags":{}},"rooms":["s"]}}`}},
		{"streams", emitter.Options{Adapter: wire.Streams}, func(e *emitter.Emitter) error { return e.Of("/c").ServerSideEmit(ctx, "x", 1) },
			[]string{"xadd", "p", "maxlen", "~", "10000", "*", "uid", "emitter", "nsp", "/c", "type", "9", "data", `{"packet":["x",1]}`}},
		{"streams, binary", emitter.Options{Adapter: wire.Streams, StreamName: "s", StreamMaxLen: 7}, func(e *emitter.Emitter) error { return e.Emit(ctx, "x", []byte{1}) },
			[]string{"xadd", "s", "maxlen", "~", "7", "*", "uid", "emitter", "nsp", "/", "type", "3", "data", "gqRvcHRz"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			test.opts.Prefix = "p"
			e, r := record(t, test.opts)
			if err := test.do(e); err != nil {
				t.Fatal(err)
			}
			got := strings.Split(string(bytes.Join(flat(r.commands[0]), []byte{0})), "\x00")
			for i, want := range test.want {
				if i >= len(got) || !strings.HasPrefix(got[i], want) || len(got) != len(test.want) {
					t.Fatalf("got %q, want %q", got, test.want)
				}
			}
		})
	}
}

func flat(args []any) (parts [][]byte) {
	for _, arg := range args {
		if b, ok := arg.([]byte); ok {
			parts = append(parts, b)
		} else {
			parts = append(parts, fmt.Append(nil, arg))
		}
	}
	return parts
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	e, r := record(t, emitter.Options{})
	pigeon, _ := record(t, emitter.Options{Adapter: "pigeon"})
	for name, err := range map[string]error{
		"reserved":    e.Emit(ctx, "disconnect"),
		"a function":  e.Emit(ctx, "x", func() {}),
		"no JSON":     e.Emit(ctx, "x", json.RawMessage("{")),
		"another one": e.ServerSideEmit(ctx, "x", func() {}),
		"no adapter":  pigeon.Emit(ctx, "x"),
	} {
		if err == nil || !strings.HasPrefix(err.Error(), "emitter: ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if len(r.commands) > 0 {
		t.Errorf("sent %q", r.commands)
	}
}

// TestSelectionsAreApart: an emitter is not changed by what is made of it.
func TestSelectionsAreApart(t *testing.T) {
	t.Parallel()
	e, r := record(t, emitter.Options{Adapter: wire.Sharded})
	base := e.To("a")
	b, c := base.To("b"), base.To("c").Volatile()
	for _, one := range []*emitter.Emitter{e, base, b, c} {
		if err := one.Emit(t.Context(), "x"); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, command := range r.commands {
		text := string(command[2].([]byte))
		_, text, _ = strings.Cut(text, `"rooms":`)
		text, _, _ = strings.Cut(text, "]")
		got = append(got, text+"]")
	}
	if want := []string{`[]`, `["a"]`, `["a","b"]`, `["a","c"]`}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestRedisCluster: each command goes to the server that has its slot.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	cluster := redistest.StartCluster(t)
	client := redis.NewClusterClient(&redis.ClusterOptions{Addrs: cluster.Addrs()})
	defer client.Close() //nolint:errcheck // only the test depends on it
	for _, format := range []wire.Format{wire.PubSub, wire.Sharded, wire.Streams} {
		e := emitter.New(client, emitter.Options{Adapter: format})
		for _, room := range []string{"a", "b", "c", "d"} {
			if err := e.To(room).Emit(t.Context(), "x"); err != nil {
				t.Errorf("%s: %v", format, err)
			}
		}
	}
	if n, err := client.XLen(t.Context(), "socket.io").Result(); n != 4 || err != nil {
		t.Errorf("%d entries, %v", n, err)
	}
}
