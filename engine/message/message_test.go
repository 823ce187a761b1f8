package message

import (
	"strings"
	"testing"
)

func TestMessageIsEncodedOnceForEachKind(t *testing.T) {
	m := New(Options{}, Part{Data: []byte(strings.Repeat("a", 100))}, Part{Data: []byte{1}, Binary: true})
	for e := Plain; e < KeptEncodings; e++ {
		first, second := m.Frames(e, 50), m.Frames(e, 50)
		if &first[0] != &second[0] {
			t.Errorf("encoding %d is made twice", e)
		}
	}
	if got := m.Frames(plain3, 50); string(got[len(got)-4:]) != "\x82\x02\x04\x01" {
		t.Errorf("binary of revision 3 is %x", got[len(got)-4:])
	}
	if got := m.Frames(deflated, 50); got[0] != 0xc1 || got[len(got)-3] != 0x82 {
		t.Errorf("text is to be compressed, binary is too short: %x", got)
	}
}
