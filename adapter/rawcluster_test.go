package adapter_test

import (
	"encoding/json"
	"math"
	"reflect"
	"slices"
	"testing"

	"chorus/codec"

	"github.com/alicebob/miniredis/v2"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// TestRawArguments: two servers whose parser leaves arguments as they are, and one with the library's.
func TestRawArguments(t *testing.T) { //nolint:tparallel // its parts share the clients
	t.Parallel()
	addr := miniredis.RunT(t).Addr()
	raw := settings{parser: codec.New(codec.Options{OnUnsendable: func(err error) { t.Error(err) }})}
	a, b, stock := startNode(t, addr, raw), startNode(t, addr, raw), startNode(t, addr, settings{})
	here, there, other := join(t, a), join(t, b, "there"), join(t, stock, "other")

	// from is what handlers get of a client: text for each argument.
	from := func(texts ...string) (args []any) {
		for _, text := range texts {
			args = append(args, json.RawMessage(text))
		}
		return args
	}
	const value = `{"z":12345678901234567890123,"a":[-0,1e400]}`

	t.Run("broadcast", func(t *testing.T) {
		for _, test := range []struct {
			name                string
			args                []any
			here, there, others []string
		}{
			{"as it was sent", from(value, `"<\u2028>"`), []string{`2["x",` + value + `,"<\u2028>"]`}, []string{`2["x",` + value + `,"<` + "\u2028" + `>"]`},
				[]string{`2["x",{"a":[-0,null],"z":1.2345678901234568e+22},"\u003c\u2028\u003e"]`}},
			{"beside values", append(from(value), 1, "é", nil, map[string]any{"b": 1, "a": uint64(1) << 63}),
				[]string{`2["x",` + value + `,1,"é",null,{"a":9223372036854775808,"b":1}]`}, []string{`2["x",` + value + `,1,"é",null,{"a":9223372036854775808,"b":1}]`},
				[]string{`2["x",{"a":[-0,null],"z":1.2345678901234568e+22},1,"é",null,{"a":9223372036854775808,"b":1}]`}},
			{"beside binary", append(from(value), []byte{7}),
				[]string{`51-["x",` + value + `,{"_placeholder":true,"num":0}]`, "binary 07"}, []string{`51-["x",` + value + `,{"_placeholder":true,"num":0}]`, "binary 07"},
				[]string{`51-["x",{"a":[-0,null],"z":1.2345678901234568e+22},{"_placeholder":true,"num":0}]`, "binary 07"}},
			{"members in order", []any{map[string]any{"d": 1, "b": 2, "a": 3, "c": 4}, struct{ Z, A int }{1, 2}},
				[]string{`2["x",{"a":3,"b":2,"c":4,"d":1},{"Z":1,"A":2}]`}, []string{`2["x",{"a":3,"b":2,"c":4,"d":1},{"Z":1,"A":2}]`},
				[]string{`2["x",{"a":3,"b":2,"c":4,"d":1},{"A":2,"Z":1}]`}},
		} {
			t.Run(test.name, func(t *testing.T) {
				a.Emit("x", test.args...)
				a.Emit("end")
				for _, c := range []struct {
					client *client
					want   []string
				}{{here, test.here}, {there, test.there}, {other, test.others}} {
					if got := c.client.until("end"); !slices.Equal(got, c.want) {
						t.Errorf("got %s, want %s", got, c.want)
					}
				}
			})
		}
	})

	t.Run("answers", func(t *testing.T) {
		there.answers("[" + value + `,"more"]`)
		other.answers("[[7]]")
		for _, test := range []struct {
			name string
			from *node
			room socket.Room
			want any
		}{
			{"of another node", a, "there", json.RawMessage(value)},
			{"of this one", b, "there", json.RawMessage(value)},
			{"of one with another parser", a, "other", json.RawMessage("[7]")},
			{"to one with another parser", stock, "there", map[string]any{"z": 12345678901234567890123.0, "a": []any{negativeZero, nil}}},
		} {
			ack, answers := acks()
			if err := test.from.To(test.room).Timeout(patience).Emit("ask", json.RawMessage(value), ack); err != nil {
				t.Fatal(err)
			}
			if got := receive(t, "the acknowledgement", answers); got.err != nil || !reflect.DeepEqual(got.values, []any{test.want}) {
				t.Errorf("%s: got %s, %v", test.name, got.values, got.err)
			}
		}
		there.answers("")
		other.answers("")
	})

	t.Run("server-side events", func(t *testing.T) {
		heard := make(chan []any, 1)
		if err := b.Sockets().On("note", func(args ...any) {
			heard <- args[:1]
			args[1].(socket.Ack)(from(value), nil)
		}); err != nil {
			t.Fatal(err)
		}
		if err := stock.Sockets().On("note", func(args ...any) { args[1].(socket.Ack)(nil, nil) }); err != nil {
			t.Fatal(err)
		}
		ack, answers := acks()
		if err := a.ServerSideEmit("note", json.RawMessage(value), ack); err != nil {
			t.Fatal(err)
		}
		// Handlers get plain values: numbers as float64, but for those that are none.
		want := map[string]any{"z": 12345678901234567890123.0, "a": []any{negativeZero, json.Number("1e400")}}
		if got := receive(t, "the event", heard); !reflect.DeepEqual(got, []any{want}) {
			t.Errorf("heard %v", got)
		}
		got := receive(t, "the answers", answers)
		if got.err != nil || len(got.values) != 2 || !slices.ContainsFunc(got.values, func(v any) bool { return reflect.DeepEqual(v, want) }) {
			t.Errorf("got %v, %v", got.values, got.err)
		}
	})

	t.Run("data of sockets", func(t *testing.T) {
		there.socket().SetData(map[string]any{"said": json.RawMessage(value)})
		got := fetch(t, a.In("there"))
		want := map[string]any{"said": map[string]any{"z": 12345678901234567890123.0, "a": []any{negativeZero, json.Number("1e400")}}}
		if got.err != nil || len(got.sockets) != 1 || !reflect.DeepEqual(got.sockets[0].Data(), want) {
			t.Errorf("fetched %+v", got)
		}
	})

	for _, n := range []*node{a, b, stock} {
		if malformed := n.redis.Stats().Malformed; malformed != 0 {
			t.Errorf("%d malformed messages", malformed)
		}
	}
}

var negativeZero = math.Copysign(0, -1)
