package message

import (
	"reflect"
	"testing"
)

func TestAttachments(t *testing.T) {
	for text, want := range map[string]int{
		"51-[]": 1, "612-[]": 12, "51-": 1, "50-[]": 0, "5": 0, "51": 0, "5-[]": 0, "5x-": 0, "21-[]": 0, "": 0,
		"51x-[]": 0, "599999999999999999999-[]": 0, "5[1-2]": 0, "51000-": 1000,
	} {
		if got := Attachments([]byte(text)); got != want {
			t.Errorf("%q announces %d, want %d", text, got, want)
		}
	}
}

func TestPartsAreGathered(t *testing.T) {
	txt := func(s string) Part { return Part{Data: []byte(s)} }
	bin := func(s string) Part { return Part{Data: []byte(s), Binary: true} }
	cases := []struct {
		name  string
		parts []Part
		sent  [][]Part
	}{
		{"text", []Part{txt("2[]"), txt("2[]")}, [][]Part{{txt("2[]")}, {txt("2[]")}}},
		{"binary by itself", []Part{bin("x")}, [][]Part{{bin("x")}}},
		{"one attachment", []Part{txt("51-[]"), bin("x"), bin("y")}, [][]Part{{txt("51-[]"), bin("x")}, {bin("y")}}},
		{"several", []Part{txt("53-[]"), bin("x"), bin("y"), bin("z"), txt("2[]")}, [][]Part{{txt("53-[]"), bin("x"), bin("y"), bin("z")}, {txt("2[]")}}},
		{"incomplete, then text", []Part{txt("52-[]"), bin("x"), txt("2[]"), bin("y")}, [][]Part{{txt("52-[]"), bin("x"), txt("2[]")}, {bin("y")}}},
		{"incomplete, then another", []Part{txt("52-[]"), bin("x"), txt("51-[]"), bin("y")}, [][]Part{{txt("52-[]"), bin("x")}, {txt("51-[]"), bin("y")}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var g Gatherer
			var sent [][]Part
			for _, p := range c.parts {
				p = p.clone()
				if complete := g.gather(p, nil); len(complete.parts) > 0 {
					sent = append(sent, nil)
					for _, q := range complete.parts {
						sent[len(sent)-1] = append(sent[len(sent)-1], q.clone())
					}
				}
				clear(p.Data) // it is the caller's: nothing may refer to it
			}
			if !reflect.DeepEqual(sent, c.sent) {
				t.Errorf("sent %v, want %v", sent, c.sent)
			}
		})
	}
}
