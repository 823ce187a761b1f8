package codec_test

import (
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// A decoder is an emitter like the library's own.
func TestDecoderIsAnEmitter(t *testing.T) {
	for name, d := range map[string]parser.Decoder{"ours": ours.NewDecoder(), "stock": parser.NewDecoder()} {
		t.Run(name, func(t *testing.T) {
			var heard []string
			say := func(what string) types.EventListener {
				return func(args ...any) { heard = append(heard, what+args[0].(string)) }
			}
			expect := func(want ...string) {
				t.Helper()
				requireEqual(t, heard, want)
				heard = nil
			}
			always, once := say("always "), func(args ...any) { heard = append(heard, "once "+args[0].(string)) }

			d.Emit("a", "nobody")
			_ = d.On("a", always)
			_ = d.Once("a", once)
			_ = d.AddListener("b", always)
			_ = d.On("c")
			if d.ListenerCount("a") != 2 || len(d.Listeners("a")) != 2 || d.ListenerCount("c") != 0 {
				t.Error("listeners of a:", d.ListenerCount("a"))
			}
			if d.Len() != 2 || len(d.EventNames()) != 2 {
				t.Error("events:", d.EventNames())
			}
			d.Emit("a", "1")
			d.Emit("a", "2")
			d.Emit("b", "3")
			expect("always 1", "once 1", "always 2", "always 3")

			_ = d.Once("a", once)
			if !d.RemoveListener("a", once) || d.RemoveListener("a", once) || d.RemoveListener("x", once) || d.RemoveListener("a", nil) {
				t.Error("RemoveListener")
			}
			if !d.RemoveAllListeners("a") || d.RemoveAllListeners("a") {
				t.Error("RemoveAllListeners")
			}
			d.Emit("a", "4")
			d.Clear()
			d.Emit("b", "5")
			if d.Len() != 0 || len(heard) != 0 {
				t.Error(d.Len(), heard)
			}
		})
	}
}

// A listener may remove itself, and add others, while it is called.
func TestListenerChangesTheListeners(t *testing.T) {
	d, calls := ours.NewDecoder(), 0
	var listener types.EventListener
	listener = func(...any) {
		calls++
		d.RemoveListener("a", listener)
		_ = d.Once("a", func(...any) { calls += 10 })
	}
	_ = d.On("a", listener)
	d.Emit("a")
	d.Emit("a")
	d.Emit("a")
	requireEqual(t, calls, 11)
}
