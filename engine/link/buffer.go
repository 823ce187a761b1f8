package link

import "sync"

// readBufferBytes is how much is read at once.
const readBufferBytes = 16 << 10

// bufferPool holds buffers for reading.
type bufferPool struct{ pool sync.Pool }

func (p *bufferPool) get() *[]byte {
	if buf, ok := p.pool.Get().(*[]byte); ok {
		return buf
	}
	buf := make([]byte, readBufferBytes)
	return &buf
}

func (p *bufferPool) put(buf *[]byte) { p.pool.Put(buf) }
