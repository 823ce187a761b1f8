package payload

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"chorus/engine/message"

	"github.com/andybalholm/brotli"
)

// minCompressedBytes is the smallest answer of long-polling that is compressed, as with Node.js.
const minCompressedBytes = 1024

// contentEncoder compresses answers for one content coding. Its writers are shared: they take
// hundreds of kilobytes.
type contentEncoder struct {
	name    string
	writers sync.Pool
}

type resettableWriter interface {
	io.WriteCloser
	Reset(io.Writer)
}

// The content codings, best first.
var contentEncoders = []*contentEncoder{
	{name: "br", writers: sync.Pool{New: func() any {
		return brotli.NewWriterOptions(nil, brotli.WriterOptions{Quality: 4, LGWin: 16})
	}}},
	{name: "gzip", writers: sync.Pool{New: func() any {
		w, _ := gzip.NewWriterLevel(nil, gzip.BestSpeed) // fails for unknown levels only
		return w
	}}},
}

func (e *contentEncoder) encode(body []byte) []byte {
	var b bytes.Buffer
	w, _ := e.writers.Get().(resettableWriter)
	defer e.writers.Put(w)
	w.Reset(&b)
	_, _ = w.Write(body) // writing to memory does not fail
	_ = w.Close()
	return b.Bytes()
}

// contentEncoderFor returns the coding to use for an Accept-Encoding header (RFC 9110 section
// 12.5.3), nil for none.
func contentEncoderFor(accept []string) *contentEncoder {
	quality := make(map[string]float64)
	for _, line := range accept {
		for item := range strings.SplitSeq(line, ",") {
			name, q := parseCoding(item)
			quality[name] = q
		}
	}
	var best *contentEncoder
	bestQuality := 0.0
	for _, e := range contentEncoders {
		if q, ok := quality[e.name]; ok && q > bestQuality {
			best, bestQuality = e, q
		}
	}
	return best
}

// parseCoding reads one member of an Accept-Encoding header.
func parseCoding(item string) (name string, quality float64) {
	name, parameter, found := strings.Cut(item, ";")
	name = strings.ToLower(strings.TrimSpace(name))
	if !found {
		return name, 1
	}
	key, value, _ := strings.Cut(parameter, "=")
	q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
	if err != nil || !strings.EqualFold(strings.TrimSpace(key), "q") || q < 0 || q > 1 {
		return name, 0
	}
	return name, q
}

// Compress compresses the body of an answer if it may, and sets the headers that say so.
//
// An attacker who can put text of his choice next to a secret and sees the length of the compressed
// answer learns the secret (BREACH). The secrets of a session, the ids in the OPEN and CONNECT
// packets, are therefore never in a compressed answer. A program excludes its own secrets with
// Compress(false).
func (p *Payload) Compress(body []byte, r *http.Request, header http.Header) []byte {
	if len(body) < minCompressedBytes || !p.compressible() {
		return body
	}
	header.Add("Vary", "Accept-Encoding")
	e := contentEncoderFor(r.Header.Values("Accept-Encoding"))
	if e == nil {
		return body
	}
	header.Set("Content-Encoding", e.name)
	return e.encode(body)
}

// compressible reports whether no message of an answer must stay uncompressed.
func (p *Payload) compressible() bool {
	for _, m := range p.Messages {
		if m.Options().NoCompress {
			return false
		}
		for _, packet := range m.Packets() {
			if !packet.Binary && (packet.Body[0] == message.TypeOpen || bytes.HasPrefix(packet.Body, []byte("40"))) {
				return false
			}
		}
	}
	return true
}
