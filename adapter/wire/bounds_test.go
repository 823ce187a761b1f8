package wire

import (
	"bytes"
	"encoding/hex"
	"runtime"
	"testing"

	"chorus/adapter/wire/msgpack"
)

// TestDeclaredLengthIsNotBelieved: a few bytes that announce billions of values must not make the
// node reserve memory for them.
func TestDeclaredLengthIsNotBelieved(t *testing.T) { // not parallel: it counts what the process allocates
	for name, head := range map[string]string{
		"array":            "ddffffffff",
		"map":              "dfffffffff",
		"nested arrays":    "91ddffffffffddffffffffddffffffff",
		"nested maps":      "81a161dfffffffffa161dfffffffff",
		"string":           "dbffffffff",
		"binary":           "c6ffffffff",
		"rooms":            "83a5726f6f6d73ddffffffff",
		"options":          "dfffffffff",
		"flags":            "81a5666c616773dfffffffff",
		"extension header": "c9ffffffff01",
	} {
		b, err := hex.DecodeString(head)
		if err != nil {
			t.Fatal(err)
		}
		b = append(b, make([]byte, 64)...)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, _ = msgpack.Read(b, 0)
		_, _, _ = readOptions(b)
		_, _, _ = ReadRooms(b)
		_, _ = decodeMessage("/", true)(ReadBroadcast(append([]byte{0x93, 0xa1, 'u'}, b...)))
		runtime.ReadMemStats(&after)
		if got := after.TotalAlloc - before.TotalAlloc; got > 1<<20 {
			t.Errorf("%s: %d bytes are allocated for %d that came", name, got, len(b))
		}
	}
}

func TestPacketDepthIsBounded(t *testing.T) {
	t.Parallel()
	for name, deep := range map[string][]byte{
		"arrays": bytes.Repeat([]byte{0x91}, 1<<20),
		"maps":   bytes.Repeat([]byte{0x81, 0xa1, 'k'}, 1<<20),
	} {
		if _, err := decodeMessage("/", false)(ReadBroadcast(append([]byte{0x93, 0xa1, 'u'}, deep...))); err == nil {
			t.Errorf("a packet of a million %s is accepted", name)
		}
	}
}
