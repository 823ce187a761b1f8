// Command floor is what no server can be cheaper than that gives every receiver a write of its own:
// it accepts WebSocket connections and does nothing but one write(2) of one ready frame to each of
// them, for each message that one of them sends. No protocol, no authentication, no Redis.
package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"flag"
	"io"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"syscall"

	"chorus/bench/peers/peer"
)

// copies is for finding what the receiving side can take: with more than one, each write has so
// many copies of the frame.
var copies = flag.Int("copies", 1, "frames per write")

func main() {
	flags := peer.Parse()
	peer.Exit(peer.Serve(flags.Listen, &floor{}))
}

type floor struct {
	mu    sync.Mutex
	conns atomic.Pointer[[]*conn] // replaced as a whole when one comes or goes
}

type conn struct {
	net.Conn
	raw syscall.RawConn
}

func (f *floor) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	hijacked, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer hijacked.Close()
	sum := sha1.Sum([]byte(r.Header.Get("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	if _, err := io.WriteString(hijacked, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"+
		"Sec-WebSocket-Accept: "+base64.StdEncoding.EncodeToString(sum[:])+"\r\n\r\n"); err != nil {
		return
	}
	raw, err := hijacked.(*net.TCPConn).SyscallConn()
	if err != nil {
		return
	}
	c := &conn{Conn: hijacked, raw: raw}
	f.add(c)
	defer f.remove(c)
	f.read(buffered.Reader)
}

// read sends each message to all connections, until this one closes.
func (f *floor) read(from *bufio.Reader) {
	var frame []byte
	for {
		payload, err := readFrame(from)
		if err != nil {
			return
		}
		frame = frame[:0]
		for range *copies {
			frame = appendFrame(frame, payload)
		}
		for _, c := range f.all() {
			_ = c.raw.Write(func(fd uintptr) bool {
				n, err := syscall.Write(int(fd), frame)
				if err == syscall.EAGAIN {
					return false // once it is writable
				}
				if err != nil || n < len(frame) {
					_ = syscall.Shutdown(int(fd), syscall.SHUT_RDWR) // half a frame cannot be repaired
				}
				return true
			})
		}
	}
}

func (f *floor) all() []*conn {
	if conns := f.conns.Load(); conns != nil {
		return *conns
	}
	return nil
}

func (f *floor) add(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	conns := append(append([]*conn(nil), f.all()...), c)
	f.conns.Store(&conns)
}

func (f *floor) remove(c *conn) {
	f.mu.Lock()
	defer f.mu.Unlock()
	var conns []*conn
	for _, other := range f.all() {
		if other != c {
			conns = append(conns, other)
		}
	}
	f.conns.Store(&conns)
}

// readFrame reads a masked frame of up to 64 KiB.
func readFrame(from *bufio.Reader) ([]byte, error) {
	var head [8]byte
	if _, err := io.ReadFull(from, head[:2]); err != nil {
		return nil, err
	}
	length := int(head[1] & 0x7f)
	if length > 126 {
		return nil, io.ErrShortBuffer
	}
	if length == 126 {
		if _, err := io.ReadFull(from, head[:2]); err != nil {
			return nil, err
		}
		length = int(binary.BigEndian.Uint16(head[:2]))
	}
	key := head[:4]
	if _, err := io.ReadFull(from, key); err != nil {
		return nil, err
	}
	payload := make([]byte, length)
	if _, err := io.ReadFull(from, payload); err != nil {
		return nil, err
	}
	for i := range payload {
		payload[i] ^= key[i&3]
	}
	return payload, nil
}

func appendFrame(dst, payload []byte) []byte {
	if len(payload) < 126 {
		dst = append(dst, 0x81, byte(len(payload)))
	} else {
		dst = binary.BigEndian.AppendUint16(append(dst, 0x81, 126), uint16(len(payload)))
	}
	return append(dst, payload...)
}
