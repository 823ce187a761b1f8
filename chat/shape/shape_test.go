package shape_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"chorus/chat/shape"
)

// values are those of alice, who sends {"to": "bob", "tags": ["a", "b"]} and 12345678901234567890.
type values struct{}

func (values) Value(p shape.Placeholder) any {
	args := []any{json.RawMessage(`{"to": "bob", "tags": ["a", "b"], "none": null}`), json.RawMessage("12345678901234567890")}
	switch p.Kind {
	case shape.Arg:
		if p.Index >= len(args) {
			return nil
		}
		return shape.Part(args[p.Index], p.Path)
	case shape.Args:
		return args
	case shape.Name:
		return "Alice"
	case shape.Count:
		return 3 + len(p.Room)
	case shape.Claim:
		return shape.Part(map[string]any{"team": map[string]any{"name": "red"}}, p.Path)
	default:
		return nil
	}
}

func TestBuild(t *testing.T) {
	tests := []struct{ template, want string }{
		{`"{name}"`, `"Alice"`},
		{`"{0}"`, `{"to":"bob","tags":["a","b"],"none":null}`},
		{`"{1}"`, `12345678901234567890`},
		{`"{0.to}"`, `"bob"`},
		{`"{0.tags.1}"`, `"b"`},
		{`"{0.tags.2}"`, `null`},
		{`"{0.to.more}"`, `null`},
		{`"{2}"`, `null`},
		{`"to {0.to}: {0.tags} {1} {0.none}{2}."`, `"to bob: [\"a\",\"b\"] 12345678901234567890 ."`},
		{`"{count} {count:lobby}"`, `"3 8"`},
		{`{"numUsers": "{count}"}`, `{"numUsers":3}`},
		{`"{claim:team.name}"`, `"red"`},
		{`"{claim:team.color}"`, `null`},
		{`"{{0} and {{{name}"`, `"{0} and {Alice"`},
		{`["{name}", 1, true, null, {"a": ["{1}"]}]`, `["Alice",1,true,null,{"a":[12345678901234567890]}]`},
		{`"plain"`, `"plain"`},
		{`""`, `""`},
		{`{}`, `{}`},
		{`[]`, `[]`},
	}
	for _, tt := range tests {
		t.Run(tt.template, func(t *testing.T) {
			var template any
			if err := json.Unmarshal([]byte(tt.template), &template); err != nil {
				t.Fatal(err)
			}
			s, err := shape.Parse(template)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(s.Build(values{}))
			if err != nil || string(got) != tt.want {
				t.Errorf("got %s (%v), want %s", got, err, tt.want)
			}
		})
	}
}

func TestUnknownPlaceholders(t *testing.T) {
	for _, text := range []string{"{nobody}", "{", "{}", "a {0", "{-1}", "{0.}", "{1000}", "{claim}", "{claim:}", "{count:}", "{0:x}", "{name.x}", "{ name }"} {
		if _, err := shape.Parse(map[string]any{"a": []any{text}}); !errors.Is(err, shape.ErrPlaceholder) {
			t.Errorf("%q: got %v, want ErrPlaceholder", text, err)
		}
	}
}

func TestText(t *testing.T) {
	tests := []struct {
		template, want string
		ok             bool
	}{
		{"lobby", "lobby", true},
		{"{0.to}", "bob", true},
		{"{1}", "12345678901234567890", true},
		{"team-{0.to}", "team-bob", true},
		{"{0}", "", false},
		{"{0.none}", "", false},
		{"{2}", "", false},
	}
	for _, tt := range tests {
		s, err := shape.Parse(tt.template)
		if err != nil {
			t.Fatal(err)
		}
		if got, ok := s.Text(values{}); got != tt.want || ok != tt.ok {
			t.Errorf("%q: got %q, %t, want %q, %t", tt.template, got, ok, tt.want, tt.ok)
		}
	}
}

func TestPlaceholders(t *testing.T) {
	s, err := shape.Parse(map[string]any{"a": "{count:lobby}", "b": []any{"x {users}", "{0.to}"}})
	if err != nil {
		t.Fatal(err)
	}
	want := []shape.Placeholder{{Kind: shape.Count, Room: "lobby"}, {Kind: shape.Users}, {Kind: shape.Arg, Path: []string{"to"}}}
	if got := s.Placeholders(); !reflect.DeepEqual(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func ExampleParse() {
	greeting, err := shape.Parse(map[string]any{"text": "{name} joined", "numUsers": "{count}"})
	if err != nil {
		fmt.Println(err)
		return
	}
	text, _ := json.Marshal(greeting.Build(values{}))
	fmt.Println(string(text))
	// Output: {"numUsers":3,"text":"Alice joined"}
}
