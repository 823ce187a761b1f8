package frame

import (
	"bytes"
	"compress/flate"
	"fmt"
	"io"
	"strconv"
	"strings"
	"sync"

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

const deflateExtension = "permessage-deflate"

// NegotiateDeflate returns the answer to a client's offers of permessage-deflate (RFC 7692 section
// 5.1), "" when none is acceptable. An offer that is unacceptable or malformed is declined. That is
// no reason to refuse the connection, and the next offer may be better.
func NegotiateDeflate(lines []string) string {
	for _, line := range lines {
		for offer := range strings.SplitSeq(line, ",") {
			name, parameters, _ := strings.Cut(offer, ";")
			if strings.TrimSpace(name) != deflateExtension {
				continue
			}
			if answer, ok := acceptDeflate(parameters); ok {
				return answer
			}
		}
	}
	return ""
}

// acceptDeflate returns the answer to the parameters of one offer (RFC 7692 section 7.1). This
// server keeps no context between messages and writes with the largest window.
func acceptDeflate(parameters string) (answer string, ok bool) {
	answer = deflateExtension + "; server_no_context_takeover; client_no_context_takeover"
	seen := make(map[string]bool)
	if parameters == "" {
		return answer, true
	}
	for parameter := range strings.SplitSeq(parameters, ";") {
		name, value, valued := strings.Cut(parameter, "=")
		name = strings.TrimSpace(name)
		if value = strings.TrimSpace(value); len(value) > 2 && value[0] == '"' && value[len(value)-1] == '"' {
			value = value[1 : len(value)-1]
		}
		switch {
		case seen[name]:
			return "", false
		case !valued && (name == "server_no_context_takeover" || name == "client_no_context_takeover"):
		case name == "client_max_window_bits" && (!valued || isWindow(value)): // any window can be read
		case name == "server_max_window_bits" && value == "15":
			answer += "; server_max_window_bits=15"
		default:
			return "", false
		}
		seen[name] = true
	}
	return answer, true
}

// isWindow reports whether a value is 8 to 15, without a leading zero.
func isWindow(value string) bool {
	n, err := strconv.Atoi(value)
	return err == nil && 8 <= n && n <= 15 && value == strconv.Itoa(n)
}

// Deflate compresses a message.
func Deflate(body []byte) []byte {
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
		return nil, fmt.Errorf("%w: more than %d bytes when decompressed", ErrTooLarge, max)
	}
	return text, nil
}
