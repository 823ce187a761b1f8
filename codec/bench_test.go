package codec_test

import (
	"strings"
	"testing"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

var parsers = []struct {
	name string
	parser.Parser
}{{"stock", parser.NewParser()}, {"ours", ours}}

var benchmarks = []struct{ name, argument string }{
	{"small", `{"text":"hello, world","at":1700000000000}`},
	{"2KB", `{"id":123456,"list":[` + strings.Repeat(`{"name":"somebody","at":1700000000.25,"ok":true},`, 40) + `null]}`},
}

func BenchmarkDecode(b *testing.B) {
	for _, c := range benchmarks {
		text := []byte(`2["message",` + c.argument + `]`)
		for _, p := range parsers {
			b.Run(c.name+"/"+p.name, func(b *testing.B) {
				d := p.NewDecoder()
				got := 0
				_ = d.On("decoded", func(...any) { got++ })
				b.SetBytes(int64(len(text)))
				b.ReportAllocs()
				for b.Loop() {
					if err := d.Add(types.NewStringBuffer(text)); err != nil {
						b.Fatal(err)
					}
				}
				if got == 0 {
					b.Fatal("nothing came")
				}
			})
		}
	}
}

// The packet is what the parser itself has decoded: from socket to socket.
func BenchmarkEncode(b *testing.B) {
	for _, c := range benchmarks {
		for _, p := range parsers {
			b.Run(c.name+"/"+p.name, func(b *testing.B) {
				packets, err := add(p.NewDecoder(), `2["message",`+c.argument+`]`)
				if err != nil {
					b.Fatal(err)
				}
				e := p.NewEncoder()
				b.SetBytes(int64(len(c.argument)))
				b.ReportAllocs()
				for b.Loop() {
					e.Encode(packets[0])
				}
			})
		}
	}
}

// What a program emits of its own, as the answer to an event.
func BenchmarkEncodeValue(b *testing.B) {
	packet := withID(7, ack(map[string]any{"ok": true, "text": "done", "n": 3}))
	for _, p := range parsers {
		b.Run(p.name, func(b *testing.B) {
			e := p.NewEncoder()
			b.ReportAllocs()
			for b.Loop() {
				e.Encode(&packet)
			}
		})
	}
}

func BenchmarkBinary(b *testing.B) {
	for _, p := range parsers {
		b.Run(p.name, func(b *testing.B) {
			d, e := p.NewDecoder(), p.NewEncoder()
			_ = d.On("decoded", func(args ...any) {
				packet := *args[0].(*parser.Packet)
				packet.Type = parser.EVENT
				e.Encode(&packet)
			})
			attachment := make([]byte, 1024)
			b.ReportAllocs()
			for b.Loop() {
				_ = d.Add(types.NewStringBufferString(`51-["a",{"n":1,"b":{"_placeholder":true,"num":0}}]`))
				_ = d.Add(types.NewBytesBuffer(attachment))
			}
		})
	}
}

// What a connection without traffic costs.
func BenchmarkNewDecoder(b *testing.B) {
	for _, p := range parsers {
		b.Run(p.name, func(b *testing.B) {
			listener := func(...any) {}
			b.ReportAllocs()
			for b.Loop() {
				_ = p.NewDecoder().On("decoded", listener)
			}
		})
	}
}
