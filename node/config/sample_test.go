package config

import (
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"
)

// sample has every form that a setting can have.
type sample struct {
	Name    string            `yaml:"name" default:"x"`
	Age     time.Duration     `yaml:"age" default:"30d"`
	Bytes   Size              `yaml:"bytes" default:"10MB"`
	Rate    Rate              `yaml:"rate" default:"20/s"`
	Flow    ByteRate          `yaml:"flow" default:"1MB/s"`
	Labels  map[string]string `yaml:"labels"`
	Shape   any               `yaml:"shape"`
	Latest  switchOrName      `yaml:"latest"`
	Hook    *sampleHook       `yaml:"hook"`
	Rooms   []sampleRoom      `yaml:"rooms"`
	Events  map[string]*event `yaml:"events"`
	Keys    map[string]event  `yaml:"keys"`
	Secret  string            `yaml:"secret" secret:"true"`
	Secrets []string          `yaml:"secrets" secret:"true"`
}

type sampleHook struct {
	URL     string        `yaml:"url" secret:"url" required:"true"`
	Timeout time.Duration `yaml:"timeout" default:"1s" min:"1ms"`
	Secrets []string      `yaml:"secrets" secret:"true"`
}

type sampleRoom struct {
	Match   string `yaml:"match" required:"true"`
	History struct {
		Messages int64 `yaml:"messages" default:"100" min:"1"`
		Bytes    Size  `yaml:"bytes" max:"1GB"`
	} `yaml:"history"`
}

type event struct {
	To   string `yaml:"to" oneof:"everyone others"`
	Rate Rate   `yaml:"rate" default:"5/m"`
}

// switchOrName is true, or a name.
type switchOrName struct{ Name string }

func (s *switchOrName) SetYAML(value any) error {
	switch v := value.(type) {
	case bool:
		if s.Name = ""; v {
			s.Name = "true"
		}
	case string:
		s.Name = v
	default:
		return errors.New("write true, or a name")
	}
	return nil
}

var sampleMembers = describe(reflect.TypeFor[sample](), "")

// readSample reads a text as Load reads a file, and checks the values.
func readSample(text string) (sample, []string) {
	var s sample
	v := reflect.ValueOf(&s).Elem()
	setDefaults(v, sampleMembers)
	t := &tree{file: "f", origins: map[string]string{}}
	if node := t.parse([]byte(text)); node != nil {
		t.group(node, v, sampleMembers, "")
	}
	k := &checker{cfg: &Config{origins: t.origins}, faults: t.faults}
	k.group(v, sampleMembers, "")
	var faults []string
	for _, err := range k.faults {
		faults = append(faults, strings.TrimPrefix(err.Error(), "configuration: "))
	}
	return s, faults
}

func TestEveryForm(t *testing.T) {
	t.Parallel()
	got, faults := readSample(`
name: y
age: 1w2d3h
bytes: 4KB
rate: 100/m
flow: 2MiB/s
labels: {a: b}
shape: {username: "{name}", list: [1, true, null, 1.5]}
latest: true
hook: {url: "https://example.com", secrets: [a, b]}
rooms:
  - match: team-*
    history: {messages: 10000, bytes: 10MB}
  - &other
    match: other
  - <<: *other
    history: {messages: 1}
events:
  move: {to: others, rate: 20/s}
  "add user": {}
keys: {a: {to: everyone}}
secrets: [a, b]
`)
	if faults != nil {
		t.Fatal(faults)
	}
	want := sample{
		Name: "y", Age: 9*24*time.Hour + 3*time.Hour, Bytes: 4000, Rate: Rate{100, time.Minute}, Flow: ByteRate{2 << 20, time.Second},
		Labels: map[string]string{"a": "b"},
		Shape:  map[string]any{"username": "{name}", "list": []any{uint64(1), true, nil, 1.5}},
		Latest: switchOrName{"true"},
		Hook:   &sampleHook{URL: "https://example.com", Timeout: time.Second, Secrets: []string{"a", "b"}},
		Rooms:  make([]sampleRoom, 3),
		Events: map[string]*event{"move": {"others", Rate{20, time.Second}}, "add user": {"", Rate{5, time.Minute}}},
		Keys:   map[string]event{"a": {"everyone", Rate{5, time.Minute}}}, Secrets: []string{"a", "b"},
	}
	for i, room := range []struct {
		match    string
		messages int64
		bytes    Size
	}{{"team-*", 10000, 1e7}, {"other", 100, 0}, {"other", 1, 0}} {
		want.Rooms[i].Match, want.Rooms[i].History.Messages, want.Rooms[i].History.Bytes = room.match, room.messages, room.bytes
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got  %+v\nwant %+v", got, want)
	}
}

func TestFaultsOfEveryForm(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ name, text, want string }{
		{"duration", "age: 3x", `f:1:6: age: "3x" is not a duration such as 30s, 2m or 1d`},
		{"size", "bytes: 3x", `f:1:8: bytes: "3x" is wrong: write a number and a unit, as 512B, 64KB, 10MB or 1GiB`},
		{"negative size", "bytes: -1", `f:1:8: bytes: "-1" is wrong: write a number and a unit, as 512B, 64KB, 10MB or 1GiB`},
		{"rate", "rate: 20", `f:1:7: rate: "20" is wrong: write a number and a time, as 20/s, 100/m or 5000/h, or 0 for no limit`},
		{"unknown in a list", "rooms:\n  - match: a\n    histry: {}", "f:3:5: rooms[0].histry: there is no such setting; did you mean rooms[0].history?"},
		{"unknown in a map", "events:\n  move:\n    too: others", "f:3:5: events.move.too: there is no such setting; did you mean events.move.to?"},
		{"choice in a map", "events: {move: {to: all}}", `f:1:21: events.move.to: "all" is none of: everyone, others`},
		{"missing in a list", "rooms: [{}]", "f:1:9: rooms[0].match: it must not be empty"},
		{"limit in a list", "rooms: [{match: a, history: {messages: 0, bytes: 2GB}}]", "f:1:40: rooms[0].history.messages: 0 is less than the least, 1\nf:1:50: rooms[0].history.bytes: 2GB is more than the most, 1GB"},
		{"no list", "rooms: {match: a}", "f:1:8: rooms: a list belongs here"},
		{"no map", "events: [a]", "f:1:9: events: a group of settings belongs here: names, each with a colon and a value"},
		{"no group", "hook: https://example.com", "f:1:7: hook: a group of settings belongs here: names, each with a colon and a value"},
		{"empty item", "rooms:\n  -\n  - match: a", "f:2:4: rooms[0]: the item is empty"},
		{"neither form", "latest: [1]", "f:1:9: latest: write true, or a name"},
		{"number for a secret", "secret: 123", "f:1:9: secret: the value is not a text: put it in quotes"},
		{"list for a secret", "secret: [a]", "f:1:9: secret: one value belongs here, not a list or a group"},
		{"group in a list of secrets", "secrets: [{a: b}]", "f:1:11: secrets[0]: one value belongs here, not a list or a group"},
		{"placeholder", "secret: '[redacted]'\nhook: {url: 'https://a:xxxxx@b'}", "f:2:13: hook.url: this is what chorus check shows instead of a secret: set the secret itself\nf:1:9: secret: this is what chorus check shows instead of a secret: set the secret itself"},
		{"twice", "name: a\nname: b", "f:2:1: name: it is set twice"},
		{"no colon", "{secret hunter2}", "f:1:2: secret...: there is no such setting"},
		{"all at once", "nam: a\nage: soon\nrooms: [{mtch: a}]", "f:1:1: nam: there is no such setting; did you mean name?\nf:2:6: age: \"soon\" is not a duration such as 30s, 2m or 1d\nf:3:10: rooms[0].mtch: there is no such setting; did you mean rooms[0].match?\nf:3:9: rooms[0].match: it must not be empty"},
		{"unknown alias", "name: *a", "f:1:7: an alias without an anchor before it"},
		{"two documents", "name: a\n---\nname: b", "f:3:5: the file has more than one document: everything belongs above the line with ---"},
		{"syntax", "name: [", "f:1:7: this is not YAML: sequence end token ']' not found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, faults := readSample(test.text); strings.Join(faults, "\n") != test.want {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(faults, "\n"), test.want)
			}
		})
	}
}

func TestRedactEveryForm(t *testing.T) {
	t.Parallel()
	s := sample{Secret: "hunter2", Secrets: []string{"hunter2"}, Hook: &sampleHook{URL: "https://u:hunter2@a/b?c=hunter2", Secrets: []string{"hunter2"}}}
	shown := redact(reflect.ValueOf(s), &Setting{members: sampleMembers}).Interface().(sample)
	want := sample{Secret: "[redacted]", Secrets: []string{"[redacted]"}, Hook: &sampleHook{URL: "https://u:xxxxx@a/b?xxxxx", Secrets: []string{"[redacted]"}}}
	if !reflect.DeepEqual(shown, want) {
		t.Errorf("got %+v with %+v", shown, shown.Hook)
	}
	if s.Hook.Secrets[0] != "hunter2" || s.Secrets[0] != "hunter2" {
		t.Error("the original was changed")
	}
}
