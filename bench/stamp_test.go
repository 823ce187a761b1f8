package bench

import (
	"math"
	"strings"
	"testing"
)

func TestStampTravels(t *testing.T) {
	for _, want := range []stamp{{}, {1, 2, 3}, {math.MaxInt64, math.MaxUint16, math.MaxUint32}} {
		text := want.append(nil)
		if len(text) != stampLength {
			t.Errorf("%s has %d bytes", text, len(text))
		}
		var finder stampFinder
		for _, before := range []string{`42["message",{"text":"`, "", `42/chat,["m",{"text":"`} {
			if got, ok := finder.find([]byte(before + string(text) + `xx"}]`)); !ok || got != want {
				t.Errorf("behind %q: %v, %v, want %v", before, got, ok, want)
			}
		}
	}
}

func TestStampIsNotInvented(t *testing.T) {
	whole := string(stamp{1, 2, 3}.append(nil))
	for name, text := range map[string]string{
		"nothing": "", "half a mark": "~", "half": whole[:stampLength-1],
		"no digits": "~~" + strings.Repeat("g", stampLength), "none": `42["message","hi"]`,
	} {
		for place := range 3 {
			finder := stampFinder{place: place}
			if got, ok := finder.find([]byte(text)); ok {
				t.Errorf("%s, looked for at %d: %v", name, place, got)
			}
		}
	}
}
