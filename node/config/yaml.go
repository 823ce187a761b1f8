package config

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"
)

var (
	errGroup    = errors.New("a group of settings belongs here: names, each with a colon and a value")
	errScalar   = errors.New("one value belongs here, not a list or a group")
	errList     = errors.New("a list belongs here")
	errTwice    = errors.New("it is set twice")
	errDocument = errors.New("the file has more than one document: everything belongs above the line with ---")
	errAlias    = errors.New("an alias without an anchor before it")
	errDeep     = errors.New("too many levels")
)

// maxDepth bounds the levels of a value; it ends aliases that contain themselves.
const maxDepth = 64

// tree reads one YAML text into a struct.
type tree struct {
	file    string            // or what else the text comes from
	inline  bool              // positions in the text help nobody
	origins map[string]string // where each value stands, by key; value adds to it
	anchors map[string]ast.Node
	faults  []error
}

// quoted is what an error of the parser repeats of the file.
var quoted = regexp.MustCompile(`"(\\.|[^"\\])*"`)

// parse returns the value that a YAML text has, nil when it has none or is wrong.
func (t *tree) parse(text []byte) ast.Node {
	file, err := parser.ParseBytes(text, 0, parser.AllowDuplicateMapKey())
	var syntax *yaml.SyntaxError
	switch {
	case errors.As(err, &syntax):
		t.fault(syntax.GetToken(), "", errors.New("this is not YAML: "+quoted.ReplaceAllString(syntax.GetMessage(), `"..."`)))
		return nil
	case err != nil:
		t.fault(nil, "", errors.New("this is not YAML"))
		return nil
	}
	var body ast.Node
	for _, document := range file.Docs {
		switch {
		case document.Body == nil || document.Body.Type() == ast.NullType:
		case body != nil:
			t.fault(document.Body.GetToken(), "", errDocument)
			return nil
		default:
			body = document.Body
		}
	}
	return body
}

// fault notes what is wrong at a token.
func (t *tree) fault(at *token.Token, key string, err error) {
	t.faults = append(t.faults, &Fault{Where: t.position(at), Key: key, Err: err})
}

func (t *tree) position(at *token.Token) string {
	if t.inline || at == nil || at.Position == nil {
		return t.file
	}
	return fmt.Sprintf("%s:%d:%d", t.file, at.Position.Line, at.Position.Column)
}

// entry is a name in a mapping and its value.
type entry struct {
	name  string
	key   *token.Token
	value ast.Node
}

// group sets the members of a struct. path is the key of the struct; "" is the root.
func (t *tree) group(node ast.Node, v reflect.Value, members []*Setting, path string) {
	if t.resolve(node) == nil {
		return
	}
	entries, ok := t.entries(node)
	if !ok {
		t.fault(node.GetToken(), path, errGroup)
		return
	}
	for _, e := range entries {
		key := strings.TrimPrefix(path+"."+e.name, ".")
		if member := (&Setting{members: members}).member(e.name); member != nil {
			t.value(e.value, v.Field(member.index), member, key)
			continue
		}
		key = strings.TrimPrefix(path+"."+safeName(e.name), ".")
		t.fault(e.key, key, unknown(key, knownBeside(members, path)))
	}
}

// knownBeside returns the keys that a misspelt name of a group may mean: first those of the group.
func knownBeside(members []*Setting, path string) []string {
	known := make([]string, 0, len(members))
	for _, m := range members {
		known = append(known, strings.TrimPrefix(path+"."+m.name, "."))
	}
	return append(known, Keys()...)
}

// safeName returns what can be shown of a name that does not exist: a value may have slipped into it, as
// in {secret:value}.
func safeName(name string) string {
	end := strings.IndexFunc(name, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '_' && r != '.' && r != '-'
	})
	if end >= 0 {
		return name[:end] + "..."
	}
	return name
}

// value sets one setting.
func (t *tree) value(node ast.Node, v reflect.Value, s *Setting, key string) {
	inner := t.resolve(node)
	if inner == nil {
		return // a key with nothing behind it says nothing
	}
	t.origins[key] = t.position(inner.GetToken())
	switch {
	case isScalar(v.Type()):
		t.scalar(inner, v, s, key)
	case v.Kind() == reflect.Pointer:
		item := reflect.New(v.Type().Elem())
		newItem(item.Elem(), s)
		before := len(t.faults)
		if t.value(inner, item.Elem(), s, key); len(t.faults) == before {
			v.Set(item)
		}
	case v.Kind() == reflect.Struct:
		t.group(inner, v, s.members, key)
	case v.Kind() == reflect.Map:
		t.mapping(inner, v, s, key)
	case v.Kind() == reflect.Slice:
		t.list(inner, v, s, key)
	default:
		t.scalar(inner, v, s, key)
	}
}

// newItem sets the defaults of a new item.
func newItem(v reflect.Value, s *Setting) {
	if v.Kind() == reflect.Struct && !isScalar(v.Type()) {
		setDefaults(v, s.members)
	}
}

func (t *tree) mapping(node ast.Node, v reflect.Value, s *Setting, key string) {
	entries, ok := t.entries(node)
	if !ok {
		t.fault(node.GetToken(), key, errGroup)
		return
	}
	result := reflect.MakeMap(v.Type())
	for _, e := range entries {
		item := reflect.New(v.Type().Elem()).Elem()
		newItem(item, s)
		t.value(e.value, item, s, key+"."+e.name)
		result.SetMapIndex(reflect.ValueOf(e.name).Convert(v.Type().Key()), item)
	}
	v.Set(result)
}

func (t *tree) list(node ast.Node, v reflect.Value, s *Setting, key string) {
	sequence, ok := node.(*ast.SequenceNode)
	if !ok {
		if _, isText := node.(ast.ScalarNode); isText && v.Type() == reflect.TypeFor[[]string]() {
			t.scalar(node, v, s, key) // separated by commas, as in a variable
			return
		}
		t.fault(node.GetToken(), key, errList)
		return
	}
	result := reflect.MakeSlice(v.Type(), 0, len(sequence.Values))
	for i, value := range sequence.Values {
		item := reflect.New(v.Type().Elem()).Elem()
		newItem(item, s)
		name := fmt.Sprintf("%s[%d]", key, i)
		if t.resolve(value) == nil {
			t.fault(value.GetToken(), name, errors.New("the item is empty"))
			continue
		}
		t.value(value, item, s, name)
		result = reflect.Append(result, item)
	}
	v.Set(result)
}

// scalar sets what is read as a whole.
func (t *tree) scalar(node ast.Node, v reflect.Value, s *Setting, key string) {
	switch target := v.Addr().Interface().(type) {
	case FromYAML:
		value, err := t.plain(node, 0)
		if err == nil {
			err = target.SetYAML(value)
		}
		if err != nil {
			t.fault(node.GetToken(), key, err)
		}
		return
	case *any:
		value, err := t.plain(node, 0)
		if err != nil {
			t.fault(node.GetToken(), key, err)
		}
		*target = value
		return
	}
	text, isText, ok := scalarText(node)
	switch {
	case !ok:
		t.fault(node.GetToken(), key, errScalar)
		return
	case !isText && (v.Kind() == reflect.String || v.Type() == reflect.TypeFor[[]string]()):
		t.fault(node.GetToken(), key, fmt.Errorf("%s is not a text: put it in quotes", s.quote(text)))
		return
	}
	if err := s.setText(v, text); err != nil {
		t.fault(node.GetToken(), key, err)
	}
}

// scalarText returns the text of a scalar, and whether YAML takes it for a text.
func scalarText(node ast.Node) (text string, isText, ok bool) {
	switch n := node.(type) {
	case *ast.StringNode:
		return n.Value, true, true
	case *ast.LiteralNode:
		return n.Value.Value, true, true
	case *ast.TagNode:
		text, _, ok = scalarText(n.Value)
		return text, n.Start.Value == "!!str", ok
	case *ast.IntegerNode:
		return fmt.Sprint(n.Value), false, true
	case ast.ScalarNode:
		return n.GetToken().Value, false, true
	}
	return "", false, false
}

// plain returns a node as a value of Go.
func (t *tree) plain(node ast.Node, depth int) (any, error) {
	if depth > maxDepth {
		return nil, errDeep
	}
	switch n := t.resolve(node).(type) {
	case nil:
		return nil, nil
	case *ast.SequenceNode:
		list := make([]any, len(n.Values))
		for i, value := range n.Values {
			item, err := t.plain(value, depth+1)
			if err != nil {
				return nil, err
			}
			list[i] = item
		}
		return list, nil
	case *ast.MappingNode, *ast.MappingValueNode:
		entries, _ := t.entries(n)
		result := make(map[string]any, len(entries))
		for _, e := range entries {
			item, err := t.plain(e.value, depth+1)
			if err != nil {
				return nil, err
			}
			result[e.name] = item
		}
		return result, nil
	case *ast.TagNode:
		text, _, _ := scalarText(n)
		return text, nil
	case ast.ScalarNode:
		return n.GetValue(), nil
	}
	return nil, errScalar
}

// entries returns what a mapping has, in its order, with what it merges ("<<") where it has no value of
// its own.
func (t *tree) entries(node ast.Node) (entries []entry, ok bool) {
	var values []*ast.MappingValueNode
	switch n := t.resolve(node).(type) {
	case *ast.MappingNode:
		values = n.Values
	case *ast.MappingValueNode:
		values = []*ast.MappingValueNode{n}
	default:
		return nil, false
	}
	seen, merged := make(map[string]bool), make(map[string]entry)
	for _, value := range values {
		if value.Key.IsMergeKey() {
			t.merge(value.Value, merged)
			continue
		}
		var name string
		if key, isScalar := value.Key.(ast.ScalarNode); isScalar {
			name, _, _ = scalarText(key)
		}
		if seen[name] {
			t.fault(value.Key.GetToken(), safeName(name), errTwice)
			continue
		}
		seen[name] = true
		entries = append(entries, entry{name, value.Key.GetToken(), value.Value})
	}
	for _, name := range slices.Sorted(maps.Keys(merged)) {
		if !seen[name] {
			entries = append(entries, merged[name])
		}
	}
	return entries, true
}

// merge adds the entries of a mapping, or of a list of them, of which the first wins.
func (t *tree) merge(node ast.Node, into map[string]entry) {
	nodes := []ast.Node{node}
	if sequence, ok := t.resolve(node).(*ast.SequenceNode); ok {
		nodes = sequence.Values
	}
	for _, n := range nodes {
		entries, ok := t.entries(n)
		if !ok {
			t.fault(n.GetToken(), "", errGroup)
		}
		for _, e := range entries {
			if _, ok := into[e.name]; !ok {
				into[e.name] = e
			}
		}
	}
}

// resolve follows aliases and anchors. It returns nil for null.
func (t *tree) resolve(node ast.Node) ast.Node {
	for range maxDepth {
		switch n := node.(type) {
		case nil, *ast.NullNode:
			return nil
		case *ast.AnchorNode:
			if t.anchors == nil {
				t.anchors = make(map[string]ast.Node)
			}
			t.anchors[n.Name.GetToken().Value] = n.Value
			node = n.Value
		case *ast.AliasNode:
			target, ok := t.anchors[n.Value.GetToken().Value]
			if !ok {
				t.fault(n.GetToken(), "", errAlias)
				return nil
			}
			node = target
		default:
			return node
		}
	}
	t.fault(node.GetToken(), "", errDeep)
	return nil
}
