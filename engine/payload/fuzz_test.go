package payload

import (
	"errors"
	"testing"

	"chorus/engine/message"
)

func FuzzDecodePayload(f *testing.F) {
	for _, body := range []string{
		"4hello", "4a\x1e4b\x1ebAQI=", "", "\x1e", "4\x1e", "b", "b!", "7", "2probe", "4\xff", "1:2", "6:4hello2:4€", "10:b4AQIDBA==",
		"\x00\x06\xff4hello\x01\x05\xff\x04\x01\x02\x03\x04", "99999999999:4", "-1:4", "0:", "\x01\xff", "\x00\x09\x09\x09\x09\xff4", "3:4😀",
	} {
		f.Add([]byte(body), 4)
		f.Add([]byte(body), 3)
	}
	f.Fuzz(func(t *testing.T, body []byte, protocol int) {
		if protocol != 3 {
			protocol = 4
		}
		const limit = 20
		var parts []message.Packet
		err := Decode(body, protocol, limit, func(p message.Packet) error {
			parts = append(parts, p)
			return nil
		})
		if err != nil {
			if len(parts) > 0 {
				t.Fatalf("of an invalid payload %d packets were used: %v", len(parts), err)
			}
			if !errors.Is(err, message.ErrPacket) {
				t.Fatalf("an error of no kind: %v", err)
			}
			return
		}
		if len(parts) == 0 || len(parts) > limit {
			t.Fatalf("%d packets", len(parts))
		}
		if protocol == 4 {
			// What was read is what is written: encoding and decoding again gives the same.
			var again []message.Packet
			if err := Decode(appendPackets(nil, parts), 4, limit, func(p message.Packet) error { again = append(again, p); return nil }); err != nil {
				t.Fatal(err)
			}
			for i := range parts {
				if string(again[i].Body) != string(parts[i].Body) || again[i].Binary != parts[i].Binary {
					t.Fatalf("packet %d is %q, was %q", i, again[i].Body, parts[i].Body)
				}
			}
		}
	})
}
