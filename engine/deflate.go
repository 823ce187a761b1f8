package engine

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"sync"

	"github.com/gobwas/httphead"
	"github.com/gobwas/ws/wsflate"
)

// Compressors and decompressors take tens and hundreds of kilobytes, so connections share them:
// there is no context takeover (RFC 7692 section 7.1.1).
var (
	compressors = sync.Pool{New: func() any {
		return wsflate.NewWriter(nil, func(w io.Writer) wsflate.Compressor {
			f, _ := flate.NewWriter(w, flate.BestSpeed) // fails for unknown levels only
			return f
		})
	}}
	decompressors = sync.Pool{New: func() any {
		return flate.NewReader(bytes.NewReader(nil))
	}}
)

// negotiateDeflate returns what answers a client's offer of permessage-deflate.
func negotiateDeflate() *wsflate.Extension {
	return &wsflate.Extension{Parameters: wsflate.Parameters{ServerNoContextTakeover: true, ClientNoContextTakeover: true}}
}

// negotiator is what a handshake calls for each extension that a client offers.
type negotiator func(httphead.Option) (httphead.Option, error)

// deflate compresses a message.
func deflate(body []byte) []byte {
	var b bytes.Buffer
	w, _ := compressors.Get().(*wsflate.Writer)
	defer compressors.Put(w)
	w.Reset(&b)
	_, _ = w.Write(body) // writing to memory does not fail
	_ = w.Flush()
	return b.Bytes()
}

// deflateTail is what a sender leaves out of each message (RFC 7692 section 7.2.2), and then the
// end of the stream.
var deflateTail = []byte{0x00, 0x00, 0xff, 0xff, 0x01, 0x00, 0x00, 0xff, 0xff}

// inflate decompresses a message of at most max bytes.
func inflate(body []byte, max int64) ([]byte, error) {
	r, _ := decompressors.Get().(io.ReadCloser)
	defer decompressors.Put(r)
	source := io.MultiReader(bytes.NewReader(body), bytes.NewReader(deflateTail))
	if err := r.(flate.Resetter).Reset(source, nil); err != nil { //nolint:errcheck,forcetypeassert // documented by flate.NewReader
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	}
	text, err := io.ReadAll(io.LimitReader(r, max+1))
	switch {
	case err != nil:
		return nil, fmt.Errorf("%w: %w", ErrFrame, err)
	case int64(len(text)) > max:
		return nil, fmt.Errorf("%w: more than %d bytes when decompressed", ErrPayloadTooLarge, max)
	}
	return text, nil
}
