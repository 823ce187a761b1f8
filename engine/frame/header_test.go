package frame

import "testing"

func TestFrameHeaders(t *testing.T) {
	for n, want := range map[int]string{
		0: "\x81\x00", 125: "\x81\x7d", 126: "\x81\x7e\x00\x7e", 65535: "\x81\x7e\xff\xff",
		65536: "\x81\x7f\x00\x00\x00\x00\x00\x01\x00\x00", 1 << 32: "\x81\x7f\x00\x00\x00\x01\x00\x00\x00\x00",
	} {
		if got := AppendHeader(nil, 1, false, n); string(got) != want {
			t.Errorf("of %d bytes: %x, want %x", n, got, want)
		}
	}
}
