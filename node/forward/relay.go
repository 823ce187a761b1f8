package forward

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"time"
)

const (
	// bufferBytes is the size of the buffers that bytes pass through. Nobody holds one while nothing comes.
	bufferBytes = 16 << 10
	// handshakeTimeout bounds the handshake of a WebSocket with the other node.
	handshakeTimeout = 10 * time.Second
	// linger is how long one side of a WebSocket may be open when the other side has ended.
	linger = 5 * time.Second
)

// relay carries a WebSocket between a client and the node that owns its session.
type relay struct {
	*passing
	client, node net.Conn
}

func (r *relay) close() {
	_ = r.client.Close()
	_ = r.node.Close()
}

// passSocket passes the upgrade to a WebSocket on, and then what the two sides say.
func (f *Forwarder) passSocket(w http.ResponseWriter, r *http.Request, p *passing, next http.Handler) {
	done := func() { f.stats.Open.Add(-1) }
	conn, err := f.dial(r.Context(), p.node)
	if err != nil {
		done()
		f.stats.Failed.Add(1)
		next.ServeHTTP(w, r)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(handshakeTimeout))
	out := r.Clone(r.Context())
	out.Body, out.ContentLength, out.Close = http.NoBody, 0, false
	f.address(out, r, p)
	in := bufio.NewReaderSize(conn, 4<<10)
	err = out.Write(conn)
	var answer *http.Response
	if err == nil {
		answer, err = http.ReadResponse(in, out)
	}
	if err != nil {
		done()
		_ = conn.Close()
		f.stats.Failed.Add(1)
		next.ServeHTTP(w, r)
		return
	}
	if !isSwitch(answer) {
		defer done()
		defer conn.Close()        //nolint:errcheck // there is nobody to tell
		defer answer.Body.Close() //nolint:errcheck // as above
		answer.Header.Del("Connection")
		maps.Copy(w.Header(), answer.Header)
		w.WriteHeader(answer.StatusCode)
		_, _ = io.Copy(w, answer.Body) // a client that has gone needs no answer
		return
	}
	f.stats.Sockets.Add(1)
	f.join(w, p, conn, in, answer, done)
}

// join gives the client the answer and begins to carry bytes both ways.
func (f *Forwarder) join(w http.ResponseWriter, p *passing, node net.Conn, in *bufio.Reader, answer *http.Response, done func()) {
	client, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		done()
		_ = node.Close()
		http.Error(w, "HTTP/1.1 is needed", http.StatusBadRequest)
		return
	}
	_ = client.SetDeadline(time.Now().Add(handshakeTimeout))
	answer.Body = nil
	err = answer.Write(buffered)
	if err == nil {
		_, err = io.CopyN(buffered, in, int64(in.Buffered())) // what the node has said already
	}
	if err == nil {
		err = buffered.Flush()
	}
	if err == nil {
		_, err = io.CopyN(node, buffered, int64(buffered.Reader.Buffered())) // and the client
	}
	_ = client.SetDeadline(time.Time{})
	_ = node.SetDeadline(time.Time{})
	relay := &relay{passing: p, client: client, node: node}
	if err != nil || !f.run(relay, done) {
		done()
		relay.close()
	}
}

// run begins to carry bytes, and reports whether the Forwarder is open. done is called at the end.
func (f *Forwarder) run(r *relay, done func()) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.closed {
		return false
	}
	f.relays[r] = struct{}{}
	upwards := make(chan struct{})
	f.goes.Go(func() { // ends with the two connections
		defer close(upwards)
		f.pump(r.node, r.client)
	})
	f.goes.Go(func() { // as above
		f.pump(r.client, r.node)
		<-upwards
		r.close()
		f.drop(r)
		done()
	})
	return true
}

func (f *Forwarder) drop(r *relay) {
	f.mu.Lock()
	defer f.mu.Unlock()
	delete(f.relays, r)
}

// pump carries bytes from one connection to the other until one of them ends. Then the other one has a short
// time to end as well.
func (f *Forwarder) pump(to, from net.Conn) {
	for {
		buffer, n, err := f.read(from)
		if n > 0 {
			_, writeErr := to.Write((*buffer)[:n])
			if err == nil {
				err = writeErr
			}
		}
		if buffer != nil {
			f.buffers.Put(buffer)
		}
		if err != nil {
			break
		}
	}
	if half, ok := to.(interface{ CloseWrite() error }); ok {
		_ = half.CloseWrite()
	}
	_ = to.SetReadDeadline(time.Now().Add(linger))
}

// readHolding reads into a buffer that it holds while nothing comes.
func (f *Forwarder) readHolding(conn net.Conn) (buffer *[]byte, n int, err error) {
	buffer, _ = f.buffers.Get().(*[]byte) // nothing else is there
	n, err = conn.Read(*buffer)
	return buffer, n, err
}
