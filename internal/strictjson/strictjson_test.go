package strictjson

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
)

// FuzzParse compares what Parse and Member read with encoding/json.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		`{}`, ` { "a" : 1 , "b":[ ] } `, `{"a":1,"a":2}`, `{"a":{"b":1,"\u0062":2}}`, `[{"a":1,"a":2}]`, `"text"`, `1`, `{"a":1}x`, "", "{",
		`{"s":"a\"\\\/\n\u00e9\ud83d\ude00\ud800","":null,"t":true,"f":false,"n":-1.50e+10,"big":123456789012345678901234567890}`,
		`{"a":[1,[2,{"b":["]","}",",",":"]}],"\\"],"last":"x"}`, "{\"a\":\"\xff\"}", `{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := Parse(text)
		var want map[string]any
		d := json.NewDecoder(bytes.NewReader([]byte(text)))
		d.UseNumber()
		if failed := d.Decode(&want); err != nil {
			return // what is refused besides is in the table of TestParse
		} else if failed != nil || want == nil {
			t.Fatalf("%q: it is refused by encoding/json: %v", text, failed)
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("%q is %v, want %v", text, got, want)
		}
		for name, value := range want {
			if got, ok := Member(text, name); !ok || !reflect.DeepEqual(got, value) {
				t.Fatalf("%q: the member %q is %v, %t, want %v", text, name, got, ok, value)
			}
		}
		if _, ok := want["absent"]; !ok {
			if value, ok := Member(text, "absent"); ok {
				t.Fatalf("%q has a member that is absent: %v", text, value)
			}
		}
	})
}

func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]error{
		`{"a":[]}`: nil, "[]": ErrNotObject, `1`: ErrNotObject, `{"a":1,"a":1}`: errDuplicate, `{"a":1,"\u0061":1}`: errDuplicate,
		`[{"a":1,"a":1}]`: errDuplicate, "{\"a\":\"\xff\"}": errUTF8, `{"a":1}{}`: errJSON, `{`: errJSON, ``: errJSON, `{"a":01}`: errJSON,
		`{"a":[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]]}`: errDepth,
	} {
		if _, err := Parse(text); err != want { //nolint:errorlint // they are not wrapped
			t.Errorf("%q: %v, want %v", text, err, want)
		}
	}
}
