package codec

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// SplitAck separates the values of an event from the client's acknowledgement callback, which the
// library puts behind them. reply answers the client, and does nothing when it wants no answer.
func SplitAck(args []any) (values []any, reply func(values ...any)) {
	if n := len(args); n > 0 {
		if ack, ok := args[n-1].(func([]any, error)); ok {
			return args[:n-1], func(values ...any) { ack(values, nil) }
		}
	}
	return args, func(...any) {}
}

// Arg returns args[i] of an event, or of an acknowledgement, as a T. It takes raw JSON by the rules
// of encoding/json, but:
//   - null is an error, unless T is a pointer, a map, a slice, an interface or a json.Unmarshaler;
//   - numbers in an any are json.Number, with all their digits;
//   - a []byte is an attachment, and an attachment is nothing but a []byte.
//
// Values of Go, which come from other parsers and from servers of the cluster, are taken as they
// are when they are a T, and else by way of their JSON. An acknowledgement callback is no argument.
//
// The error wraps ErrArgument and names the event, the position and the types.
func Arg[T any](event string, args []any, i int) (T, error) {
	var value, zero T
	args, _ = SplitAck(args)
	var err error
	if i < 0 || i >= len(args) {
		err = fmt.Errorf("there are %d arguments", len(args))
	} else if given, ok := args[i].(T); ok && !isRaw(given) {
		return given, nil
	} else {
		err = convert(args[i], &value)
	}
	if err != nil {
		return zero, fmt.Errorf("%w: event %q, args[%d], want %v: %w", ErrArgument, event, i, reflect.TypeFor[T](), err)
	}
	return value, nil
}

func isRaw(value any) bool {
	_, ok := value.(json.RawMessage)
	return ok
}

// convert puts an argument into a variable.
func convert(arg, into any) error {
	if content, ok := into.(*[]byte); ok {
		buffer, ok := arg.(types.BufferInterface)
		if !ok || !parser.IsBinary(arg) {
			return fmt.Errorf("got %s", kindOf(arg))
		}
		*content = buffer.Bytes()
		return nil
	}
	if parser.IsBinary(arg) {
		return errors.New("got binary")
	}
	text, ok := arg.(json.RawMessage)
	if !ok {
		var err error
		if text, err = marshal(arg); err != nil {
			return err
		}
	}
	if raw, ok := into.(*json.RawMessage); ok {
		*raw = text
		return nil
	}
	if kindOf(text) == "null" && !takesNull(into) {
		return errors.New("got null")
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	return d.Decode(into)
}

// takesNull tells whether null means something to a variable. To the others encoding/json leaves
// what they hold.
func takesNull(into any) bool {
	if _, ok := into.(json.Unmarshaler); ok {
		return true
	}
	switch reflect.TypeOf(into).Elem().Kind() {
	case reflect.Pointer, reflect.Map, reflect.Slice, reflect.Interface:
		return true
	default:
		return false
	}
}

// kindOf says in JavaScript's words what an argument is.
func kindOf(arg any) string {
	text, ok := arg.(json.RawMessage)
	if !ok {
		return fmt.Sprintf("%T", arg)
	}
	text = bytes.TrimLeft(text, " \t\r\n")
	if len(text) == 0 {
		return "nothing"
	}
	switch text[0] {
	case '{':
		return "an object"
	case '[':
		return "an array"
	case '"':
		return "a string"
	case 't', 'f':
		return "a boolean"
	case 'n':
		return "null"
	default:
		return "a number"
	}
}
