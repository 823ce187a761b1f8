package msgpack

import (
	"fmt"
	"math"
	"strconv"

	"github.com/tinylib/msgp/msgp"
)

// Emitters in other languages write less exactly than Node.js servers do: PHP has no empty map, Lua has
// floats only. This file reads their values as a Node.js server does, which means as JavaScript converts
// them: `x || {}`, property names.

// ReadKey reads a value as the name of a property, which is a string in JavaScript.
func ReadKey(b []byte) (string, []byte, error) {
	switch msgp.NextType(b) {
	case msgp.StrType:
		return msgp.ReadStringBytes(b)
	case msgp.IntType:
		i, rest, err := msgp.ReadInt64Bytes(b)
		return strconv.FormatInt(i, 10), rest, err
	case msgp.UintType:
		u, rest, err := msgp.ReadUint64Bytes(b)
		return strconv.FormatUint(u, 10), rest, err
	case msgp.Float32Type, msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		return nameOfNumber(f), rest, err
	case msgp.BoolType:
		v, rest, err := msgp.ReadBoolBytes(b)
		return strconv.FormatBool(v), rest, err
	case msgp.NilType:
		return "null", b[1:], nil
	case msgp.BinType:
		v, rest, err := msgp.ReadBytesZC(b)
		return string(v), rest, err
	case msgp.InvalidType:
		return "", b, ErrTruncated
	default:
		rest, err := msgp.Skip(b)
		return "[object Object]", rest, err
	}
}

// nameOfNumber returns what JavaScript's String returns for a number.
func nameOfNumber(f float64) string {
	switch {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 1):
		return "Infinity"
	case math.IsInf(f, -1):
		return "-Infinity"
	case f == 0:
		return "0"
	default:
		return string(appendJSNumber(nil, f))
	}
}

// ReadName reads a name that may be missing: nil is none.
func ReadName(b []byte) (string, []byte, error) {
	if msgp.IsNil(b) {
		return "", b[1:], nil
	}
	if IsUndefined(b) {
		return "", b[undefinedSize:], nil
	}
	return ReadKey(b)
}

// ReadWhole reads a number that must be whole: a float counts as what it stands for.
func ReadWhole(b []byte) (int64, []byte, error) {
	switch msgp.NextType(b) {
	case msgp.Float32Type, msgp.Float64Type:
		f, rest, err := msgp.ReadFloat64Bytes(b)
		if err == nil && (f != math.Trunc(f) || math.Abs(f) > 1<<53) {
			err = fmt.Errorf("%w: %v is not a whole number", ErrMalformed, f)
		}
		return int64(f), rest, err
	default:
		return msgp.ReadInt64Bytes(b)
	}
}

// ReadTruth reads a value as a condition.
func ReadTruth(b []byte) (bool, []byte, error) {
	rest, err := msgp.Skip(b)
	return err == nil && !IsFalsy(b), rest, err
}

// IsFalsy reports whether a value counts as false: nil, undefined, false, 0, NaN, and the empty string.
func IsFalsy(b []byte) bool {
	switch msgp.NextType(b) {
	case msgp.NilType:
		return true
	case msgp.BoolType:
		v, _, err := msgp.ReadBoolBytes(b)
		return err == nil && !v
	case msgp.StrType:
		v, _, err := msgp.ReadStringZC(b)
		return err == nil && len(v) == 0
	case msgp.IntType, msgp.UintType, msgp.Float32Type, msgp.Float64Type:
		v, _, err := Read(b, 0)
		f, ok := Float(v) // NaN is none
		return err == nil && (!ok || f == 0)
	default:
		return IsUndefined(b)
	}
}
