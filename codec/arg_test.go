package codec_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"chorus/codec"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// get calls Arg with the type of want.
func get[T any](args []any, i int) (any, error) { return codec.Arg[T]("move", args, i) }

type picture struct {
	Name  string
	Bytes []byte
}

func TestArg(t *testing.T) {
	at := time.Date(2024, 5, 6, 7, 8, 9, 0, time.UTC)
	for name, c := range map[string]struct {
		arg  any
		get  func([]any, int) (any, error)
		want any
	}{
		"string":          {raw(`"a\n"`), get[string], "a\n"},
		"int":             {raw(`-3`), get[int], -3},
		"float":           {raw(`1.5`), get[float64], 1.5},
		"bool":            {raw(`true`), get[bool], true},
		"struct":          {raw(`{"x":1,"y":2}`), get[point], point{X: 1}},
		"pointer":         {raw(`{"x":1}`), get[*point], &point{X: 1}},
		"null pointer":    {raw(`null`), get[*point], (*point)(nil)},
		"null in an any":  {raw(`null`), get[any], nil},
		"slice":           {raw(`["a"]`), get[[]string], []string{"a"}},
		"any":             {raw(`{"n":12345678901234567890123}`), get[any], map[string]any{"n": json.Number("12345678901234567890123")}},
		"number":          {raw(`1.10`), get[json.Number], json.Number("1.10")},
		"raw":             {raw(` {"b":1}`), get[json.RawMessage], raw(` {"b":1}`)},
		"unmarshaler":     {raw(`"2024-05-06T07:08:09Z"`), get[time.Time], at},
		"binary":          {[]byte{1}, get[[]byte], []byte{1}},
		"their binary":    {types.NewBytesBuffer([]byte{1}), get[[]byte], []byte{1}},
		"binary as any":   {[]byte{1}, get[any], []byte{1}},
		"binary inside":   {map[string]any{"name": "a", "bytes": []byte{1, 2}}, get[picture], picture{"a", []byte{1, 2}}},
		"Go string":       {"a", get[string], "a"},
		"Go float":        {2.0, get[int], 2},
		"Go number":       {json.Number("7"), get[uint8], uint8(7)},
		"Go map":          {map[string]any{"x": 1}, get[point], point{X: 1}},
		"Go map as it is": {map[string]any{"x": 1}, get[map[string]any], map[string]any{"x": 1}},
		"Go value, raw":   {[]any{1, "a"}, get[json.RawMessage], raw(`[1,"a"]`)},
		"Go nil":          {nil, get[*point], (*point)(nil)},
	} {
		t.Run(name, func(t *testing.T) {
			got, err := c.get([]any{"before", c.arg}, 1)
			if err != nil {
				t.Fatal(err)
			}
			if !reflect.DeepEqual(got, c.want) {
				t.Fatalf("got %#v, want %#v", got, c.want)
			}
		})
	}
}

func TestArgErrors(t *testing.T) {
	ack := socket.Ack(func([]any, error) {})
	for name, c := range map[string]struct {
		args []any
		i    int
		get  func([]any, int) (any, error)
		want string
	}{
		"missing":        {[]any{raw(`1`)}, 1, get[int], `want int: there are 1 arguments`},
		"the ack":        {[]any{raw(`1`), ack}, 1, get[any], `there are 1 arguments`},
		"below zero":     {[]any{raw(`1`)}, -1, get[int], `there are 1 arguments`},
		"wrong type":     {[]any{raw(`"secret"`)}, 0, get[int], `event "move", args[0], want int: json: cannot unmarshal string`},
		"out of range":   {[]any{raw(`300`)}, 0, get[uint8], `want uint8`},
		"null":           {[]any{raw(`null`)}, 0, get[string], `want string: got null`},
		"null, Go":       {[]any{nil}, 0, get[point], `want codec_test.point: got null`},
		"member":         {[]any{raw(`{"x":"secret"}`)}, 0, get[point], `x of type int`},
		"text as binary": {[]any{raw(`"c2VjcmV0"`)}, 0, get[[]byte], `want []uint8: got a string`},
		"list as binary": {[]any{raw(`[1]`)}, 0, get[[]byte], `got an array`},
		"text buffer":    {[]any{types.NewStringBufferString("a")}, 0, get[[]byte], `got *types.StringBuffer`},
		"binary as text": {[]any{[]byte("secret")}, 0, get[string], `want string: got binary`},
		"broken raw":     {[]any{raw(`{`)}, 0, get[point], `want codec_test.point`},
		"function":       {[]any{func() {}}, 0, get[string], `want string`},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := c.get(c.args, c.i)
			if !errors.Is(err, codec.ErrArgument) || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "secret") {
				t.Fatalf("got %v", err)
			}
		})
	}
}

func TestSplitAck(t *testing.T) {
	var answer []any
	ack := socket.Ack(func(args []any, _ error) { answer = args })
	values, reply := codec.SplitAck([]any{raw(`1`), ack})
	reply("ok", 2)
	requireEqual(t, values, []any{raw(`1`)})
	requireEqual(t, answer, []any{"ok", 2})

	for _, args := range [][]any{nil, {raw(`1`)}} {
		values, reply := codec.SplitAck(args)
		reply("nobody asked")
		requireEqual(t, values, args)
	}
}
