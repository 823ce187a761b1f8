package payload

import (
	"strings"
	"testing"

	"chorus/engine/message"
)

func BenchmarkDecodePayload(b *testing.B) {
	body := []byte(strings.Repeat("42[\"message\",\"a text of a usual length, that is\"]\x1e", 9) + "3")
	use := func(message.Packet) error { return nil }
	b.ReportAllocs()
	b.SetBytes(int64(len(body)))
	for b.Loop() {
		if err := Decode(body, 4, 1000, use); err != nil {
			b.Fatal(err)
		}
	}
}
