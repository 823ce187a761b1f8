package event_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"chorus/chat/event"
)

func TestCompileRefuses(t *testing.T) {
	tests := []struct {
		name string
		d    event.Declaration
		want string // part of the error
	}{
		{"no name", event.Declaration{To: event.Everyone}, "1 to 255 bytes"},
		{"long name", event.Declaration{Name: strings.Repeat("x", 256), To: event.Everyone}, "1 to 255 bytes"},
		{"reserved", event.Declaration{Name: "disconnect", To: event.Everyone}, "reserved by Socket.IO"},
		{"token event", event.Declaration{Name: "token:refresh", To: event.Everyone}, "cannot be declared"},
		{"reserved as", event.Declaration{Name: "a", To: event.Everyone, As: "connect"}, `as: "connect" is reserved`},
		{"reserved reply", event.Declaration{Name: "a", Reply: &event.Reply{As: "connect_error"}}, "reply.as:"},
		{"nothing to do", event.Declaration{Name: "a"}, "say who hears it"},
		{"unknown recipients", event.Declaration{Name: "a", To: "all"}, `"all" is none of`},
		{"room without to", event.Declaration{Name: "a", To: event.Everyone, Room: "lobby"}, "needs to: room"},
		{"user without to", event.Declaration{Name: "a", To: event.Room, User: "bob"}, "needs to: user"},
		{"history of everyone", event.Declaration{Name: "a", To: event.Everyone, History: true}, "history: it needs"},
		{"volatile history", event.Declaration{Name: "a", To: event.Room, History: true, Volatile: true}, "volatile event is not kept"},
		{"namespace", event.Declaration{Name: "a", To: event.Everyone, Namespace: "game"}, "must begin with /"},
		{"placeholder", event.Declaration{Name: "a", To: event.Everyone, Shape: map[string]any{"u": "{nobody}"}}, "shape: u: placeholder: there is no {nobody}"},
		{"placeholder in ack", event.Declaration{Name: "a", To: event.Everyone, Ack: map[string]any{"u": "{"}}, "ack.u"},
		{"counted room", event.Declaration{Name: "a", To: event.Room, Room: "{count}"}, "only arguments and the sender"},
		{"ack ok", event.Declaration{Name: "a", To: event.Everyone, Ack: map[string]any{"ok": 1}}, "ack.ok"},
		{"negative size", event.Declaration{Name: "a", To: event.Everyone, MaxSize: -1}, "max_size"},
		{"negative rate", event.Declaration{Name: "a", To: event.Everyone, Rate: -1}, "rate"},
		{"schema is no JSON", event.Declaration{Name: "a", To: event.Everyone, Schema: []byte("{")}, "schema: it is not JSON"},
		{"schema is no schema", event.Declaration{Name: "a", To: event.Everyone, Schema: []byte(`{"type": "sting"}`)}, "schema:"},
		{"schema elsewhere", event.Declaration{Name: "a", To: event.Everyone, Schema: []byte(`{"$ref": "http://example.com/x.json"}`)}, "not followed"},
		{"schema of a file", event.Declaration{Name: "a", To: event.Everyone, Schema: []byte(`{"$ref": "file:///etc/passwd"}`)}, "not followed"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := event.Compile([]event.Declaration{tt.d})
			if !errors.Is(err, event.ErrDeclaration) || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %v, want an error with %q", err, tt.want)
			}
		})
	}
}

func TestCompileReportsAll(t *testing.T) {
	_, err := event.Compile([]event.Declaration{{Name: "a"}, {Name: "connect", To: event.Everyone}, {Name: "good", To: event.Self}, {Name: "good", To: event.Self}})
	for _, want := range []string{`"a"`, `"connect"`, "declared twice"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want it to name %s", err, want)
		}
	}
}

func TestSameNameInTwoNamespaces(t *testing.T) {
	events, err := event.Compile([]event.Declaration{{Name: "move", To: event.Everyone}, {Name: "move", To: event.Everyone, Namespace: "/game"}})
	if err != nil || len(events) != 2 {
		t.Errorf("got %d events, %v", len(events), err)
	}
}

func TestSchema(t *testing.T) {
	const moves = `{
		"prefixItems": [{"type": "string"}, {"type": "object", "properties": {"x/y": {"type": "integer"}}, "required": ["x/y"]}],
		"minItems": 2, "items": false
	}`
	events, err := event.Compile([]event.Declaration{{Name: "move", To: event.Room, Schema: []byte(moves)}})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		args []string
		path string // empty when they fit
		bad  bool
	}{
		{args: []string{`"lobby"`, `{"x/y": 1}`}},
		{args: []string{`"lobby"`, `{"x/y": 12345678901234567890}`}},
		{args: []string{`"lobby"`, `{"x/y": "SECRET"}`}, bad: true, path: "/1/x~1y"},
		{args: []string{`7`, `{"x/y": 1}`}, bad: true, path: "/0"},
		{args: []string{`"lobby"`}, bad: true, path: ""},
		{args: []string{`"lobby"`, `{"x/y": 1}`, `2`}, bad: true, path: "/2"},
		{args: nil, bad: true},
	}
	for _, tt := range tests {
		t.Run(fmt.Sprint(tt.args), func(t *testing.T) {
			args := make([]json.RawMessage, len(tt.args))
			for i, arg := range tt.args {
				args[i] = json.RawMessage(arg)
			}
			err := events[0].CheckSchema(args)
			var invalid *event.SchemaError
			switch {
			case !tt.bad && err != nil:
				t.Errorf("got %v, want none", err)
			case tt.bad && !errors.As(err, &invalid):
				t.Errorf("got %v, want a SchemaError", err)
			case tt.bad && (invalid.Path != tt.path || strings.Contains(err.Error(), "SECRET")):
				t.Errorf("got %v, want the path %q and no value", err, tt.path)
			}
		})
	}
}
