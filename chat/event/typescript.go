package event

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"chorus/chat/shape"
)

// TypeScript writes the types of declared events for the official client: one pair of interfaces for each namespace,
// ClientToServer and ServerToClient, which go into Socket<ServerToClient, ClientToServer>. Types of arguments come from
// the schemas; without one they are unknown.
func TypeScript(events []*Event) string {
	spaces := make(map[string][]*Event)
	for _, e := range events {
		spaces[e.Namespace] = append(spaces[e.Namespace], e)
	}
	var b strings.Builder
	b.WriteString("// Written by \"chorus types\". Do not edit.\n\n" +
		"export type Answer = { ok: true; [member: string]: unknown } | { ok: false; error: { code: string; message: string } };\n")
	for _, namespace := range slices.Sorted(maps.Keys(spaces)) {
		writeNamespace(&b, namespace, spaces[namespace])
	}
	return b.String()
}

func writeNamespace(b *strings.Builder, namespace string, events []*Event) {
	slices.SortFunc(events, func(a, b *Event) int { return strings.Compare(a.Name, b.Name) })
	suffix := interfaceSuffix(namespace)
	fmt.Fprintf(b, "\n/** What clients emit in the namespace %s. */\nexport interface ClientToServer%s {\n", namespace, suffix)
	heard := make(map[string][]string)
	for _, e := range events {
		t := newTyper(e)
		fmt.Fprintf(b, "  %s: (%s) => void;\n", quoted(e.Name), strings.Join(append(t.parameters(), "ack?: (answer: Answer) => void"), ", "))
		if e.To != Nobody {
			heard[e.Heard()] = append(heard[e.Heard()], t.heard())
		}
		if e.Reply != nil {
			heard[e.Reply.As] = append(heard[e.Reply.As], t.replied())
		}
	}
	fmt.Fprintf(b, "}\n\n/** What clients hear in the namespace %s. */\nexport interface ServerToClient%s {\n", namespace, suffix)
	for _, name := range slices.Sorted(maps.Keys(heard)) {
		forms := heard[name]
		slices.Sort(forms)
		if forms = slices.Compact(forms); len(forms) == 1 {
			fmt.Fprintf(b, "  %s: (%s) => void;\n", quoted(name), forms[0])
		} else { // several events are heard by one name
			fmt.Fprintf(b, "  %s: (...args: unknown[]) => void;\n", quoted(name))
		}
	}
	b.WriteString("}\n")
}

// interfaceSuffix makes the name of a namespace a part of an identifier; "/" has none.
func interfaceSuffix(namespace string) string {
	var b strings.Builder
	for _, word := range regexp.MustCompile(`[A-Za-z0-9]+`).FindAllString(namespace, -1) {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

// typer finds the types of one event.
type typer struct {
	event *Event
	root  map[string]any // the schema; nil for none
	args  []any          // schemas of the arguments
	rest  bool           // there may be more
	refs  map[string]bool
}

func newTyper(e *Event) *typer {
	t := &typer{event: e, rest: true, refs: make(map[string]bool)}
	if len(e.Schema) == 0 || json.Unmarshal(e.Schema, &t.root) != nil {
		return t
	}
	t.args, _ = t.root["prefixItems"].([]any)
	t.rest = t.root["items"] != false
	if most, ok := t.root["maxItems"].(float64); ok && int(most) <= len(t.args) {
		t.rest = false
	}
	return t
}

// parameters returns the parameters of the event.
func (t *typer) parameters() []string {
	var list []string
	least, _ := t.root["minItems"].(float64)
	for i, schema := range t.args {
		optional := ""
		if i >= int(least) && t.root["minItems"] != nil {
			optional = "?"
		}
		list = append(list, fmt.Sprintf("arg%d%s: %s", i, optional, t.of(schema)))
	}
	if len(t.args) == 0 && t.rest {
		list = append(list, "arg0?: unknown", "arg1?: unknown", "arg2?: unknown")
	}
	return list
}

func (t *typer) heard() string {
	if t.event.Shape != nil {
		return "value: " + t.ofShape(t.event.Shape)
	}
	if len(t.args) == 0 && t.rest {
		return "...args: unknown[]"
	}
	return strings.Join(t.parameters(), ", ")
}

func (t *typer) replied() string {
	if t.event.Reply.Shape == nil {
		return ""
	}
	return "value: " + t.ofShape(t.event.Reply.Shape)
}

// ofShape returns the type of what a template builds.
func (t *typer) ofShape(value any) string {
	switch v := value.(type) {
	case map[string]any:
		members := make([]string, 0, len(v))
		for _, key := range slices.Sorted(maps.Keys(v)) {
			members = append(members, quoted(key)+": "+t.ofShape(v[key]))
		}
		return "{ " + strings.Join(members, "; ") + " }"
	case []any:
		var items []string
		for _, item := range v {
			items = append(items, t.ofShape(item))
		}
		return "[" + strings.Join(items, ", ") + "]"
	case string:
		return t.ofText(v)
	case bool, nil:
		return fmt.Sprint(value)
	}
	return "number"
}

func (t *typer) ofText(text string) string {
	s, err := shape.Parse(text)
	if err != nil {
		return "unknown"
	}
	placeholders := s.Placeholders()
	if len(placeholders) != 1 || !strings.HasPrefix(text, "{") || !strings.HasSuffix(text, "}") || strings.Count(text, "}") != 1 {
		return "string"
	}
	switch p := placeholders[0]; p.Kind {
	case shape.Sub, shape.Name, shape.Socket, shape.ID, shape.Room:
		return "string"
	case shape.At, shape.Count, shape.Online:
		return "number"
	case shape.Users:
		return "{ id: string; name?: string }[]"
	case shape.Args:
		return "unknown[]"
	case shape.Arg:
		if p.Index < len(t.args) {
			return t.of(t.part(t.args[p.Index], p.Path))
		}
	}
	return "unknown"
}

// part returns the schema of a member.
func (t *typer) part(schema any, path []string) any {
	for _, name := range path {
		object, _ := t.resolve(schema).(map[string]any)
		properties, _ := object["properties"].(map[string]any)
		schema = properties[name]
	}
	return schema
}

// of returns the type that a schema describes.
func (t *typer) of(schema any) string {
	object, ok := schema.(map[string]any)
	if !ok {
		return "unknown"
	}
	if ref, ok := object["$ref"].(string); ok {
		if t.refs[ref] {
			return "unknown" // a type that contains itself
		}
		t.refs[ref] = true
		defer delete(t.refs, ref)
		return t.of(t.resolve(schema))
	}
	switch {
	case object["const"] != nil:
		return literal(object["const"])
	case object["enum"] != nil:
		return t.join(object["enum"], " | ", literal)
	case object["anyOf"] != nil:
		return t.join(object["anyOf"], " | ", t.of)
	case object["oneOf"] != nil:
		return t.join(object["oneOf"], " | ", t.of)
	case object["allOf"] != nil:
		return t.join(object["allOf"], " & ", t.of)
	}
	if types, ok := object["type"].([]any); ok {
		return t.join(types, " | ", func(name any) string { return t.ofType(name, object) })
	}
	return t.ofType(object["type"], object)
}

func (t *typer) ofType(name any, object map[string]any) string {
	switch name {
	case "string", "boolean", "null":
		return fmt.Sprint(name)
	case "number", "integer":
		return "number"
	case "array":
		if items, ok := object["prefixItems"]; ok {
			return "[" + t.join(items, ", ", t.of) + "]"
		}
		return "(" + t.of(object["items"]) + ")[]"
	case "object":
		return t.ofObject(object)
	}
	if object["properties"] != nil {
		return t.ofObject(object)
	}
	return "unknown"
}

func (t *typer) ofObject(object map[string]any) string {
	properties, _ := object["properties"].(map[string]any)
	required, _ := object["required"].([]any)
	var members []string
	for _, key := range slices.Sorted(maps.Keys(properties)) {
		optional := "?"
		if slices.Contains(required, any(key)) {
			optional = ""
		}
		members = append(members, quoted(key)+optional+": "+t.of(properties[key]))
	}
	if object["additionalProperties"] != false {
		members = append(members, "[member: string]: unknown")
	}
	if len(members) == 0 {
		return "Record<string, never>"
	}
	return "{ " + strings.Join(members, "; ") + " }"
}

// resolve follows a reference into the schema itself, as "#/$defs/point".
func (t *typer) resolve(schema any) any {
	object, _ := schema.(map[string]any)
	ref, ok := object["$ref"].(string)
	path, local := strings.CutPrefix(ref, "#/")
	if !ok || !local {
		return schema
	}
	var found any = t.root
	for name := range strings.SplitSeq(path, "/") {
		object, _ := found.(map[string]any)
		found = object[strings.NewReplacer("~1", "/", "~0", "~").Replace(name)]
	}
	return found
}

func (t *typer) join(list any, separator string, of func(any) string) string {
	items, _ := list.([]any)
	var types []string
	for _, item := range items {
		if typ := of(item); !slices.Contains(types, typ) {
			types = append(types, typ)
		}
	}
	if len(types) == 0 {
		return "unknown"
	}
	return strings.Join(types, separator)
}

func literal(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return "unknown"
	}
	return string(text)
}

// quoted returns a name as a key of TypeScript.
func quoted(name string) string {
	if regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*$`).MatchString(name) {
		return name
	}
	return strconv.Quote(name)
}
