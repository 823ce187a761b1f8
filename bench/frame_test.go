package bench

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"
)

// serverFrame is an unmasked frame.
func serverFrame(op byte, payload string) []byte {
	b := []byte{0x80 | op}
	switch n := len(payload); {
	case n < 126:
		b = append(b, byte(n))
	case n < 1<<16:
		b = binary.BigEndian.AppendUint16(append(b, 126), uint16(n))
	default:
		b = binary.BigEndian.AppendUint64(append(b, 127), uint64(n))
	}
	return append(b, payload...)
}

func TestNextFrame(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 100000} {
		payload := string(bytes.Repeat([]byte{'p'}, size))
		frame := serverFrame(opText, payload)
		for _, cut := range []int{0, 1, 2, 3, 5, 9, len(frame) - 1} {
			if cut >= len(frame) {
				continue
			}
			if _, _, n, err := nextFrame(frame[:cut]); n != 0 || err != nil {
				t.Errorf("%d bytes of a frame of %d: size %d, error %v", cut, len(frame), n, err)
			}
		}
		op, got, n, err := nextFrame(append(frame, "and more"...))
		if op != opText || string(got) != payload || n != len(frame) || err != nil {
			t.Errorf("payload of %d: op %d, %d bytes, size %d, error %v", size, op, len(got), n, err)
		}
	}
}

func TestNextFrameRefuses(t *testing.T) {
	for name, chunk := range map[string][]byte{
		"a part of ping":  {0x09, 0x00},
		"RSV1 again":      {0xc0, 0x00},
		"RSV2":            {0xa1, 0x00},
		"compressed ping": {0xc9, 0x00},
		"a masked frame":  {0x81, 0x80},
		"too long":        {0x81, 127, 0, 0, 1, 0, 0, 0, 0, 0},
		"negative length": {0x81, 127, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
	} {
		if _, _, n, err := nextFrame(chunk); !errors.Is(err, ErrProtocol) || n != 0 {
			t.Errorf("%s: size %d, error %v", name, n, err)
		}
	}
}

func TestAssembly(t *testing.T) {
	var a assembly
	add := func(op byte, payload string) string {
		op, got, whole, err := a.add(op, []byte(payload))
		switch {
		case err != nil:
			return "error"
		case !whole:
			return "more"
		}
		return fmt.Sprintf("%#x %s", op, got)
	}
	for i, step := range []struct {
		op            byte
		payload, want string
	}{
		{opText, "whole", "0x1 whole"},
		{opUnfinished | opText, "a", "more"},
		{opPing, "between", "0x9 between"},
		{opUnfinished, "b", "more"},
		{0, "c", "0x1 abc"},
		{opUnfinished | opDeflated | opBinary, "d", "more"},
		{0, "", "0x42 d"},
		{0, "of nothing", "error"},
		{opUnfinished | opText, "e", "more"},
		{opText, "too early", "error"},
		{0, strings.Repeat("x", maxFrame), "error"},
	} {
		if got := add(step.op, step.payload); got != step.want {
			t.Errorf("step %d: %.40s, want %s", i, got, step.want)
		}
	}
}

func TestAppendFrameMasks(t *testing.T) {
	key := [4]byte{1, 2, 3, 4}
	for _, size := range []int{0, 5, 125, 126, 65536} {
		payload := bytes.Repeat([]byte{'p'}, size)
		frame := appendFrame(nil, opText, payload, key)
		header := len(frame) - size - len(key)
		if frame[1]&0x80 == 0 || !bytes.Equal(frame[header:header+len(key)], key[:]) {
			t.Fatalf("payload of %d: not masked with the key: % x", size, frame[:header+len(key)])
		}
		for i := range payload {
			if frame[header+len(key)+i]^key[i&3] != payload[i] {
				t.Fatalf("payload of %d: byte %d is wrong", size, i)
			}
		}
	}
}

func FuzzNextFrame(f *testing.F) {
	f.Add(serverFrame(opText, `42["message","x"]`))
	f.Add([]byte{0x81, 127, 0, 0, 0, 0, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, chunk []byte) {
		_, payload, size, err := nextFrame(chunk)
		if size < 0 || size > len(chunk) || len(payload) > size || (err != nil && size != 0) {
			t.Fatalf("size %d of %d, payload %d, error %v", size, len(chunk), len(payload), err)
		}
	})
}
