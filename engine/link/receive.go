package link

// receiver reads a link in one goroutine.
type receiver struct {
	link *Link
	buf  *[]byte // what was read, while it is looked at
	n    int
	err  error
	fn   func(fd uintptr) bool
}

// ReadUntil gives what comes to the reader of the link, until done reports true, which it asks before each read, or
// with an error.
func (l *Link) ReadUntil(done func() bool) error {
	r := receiver{link: l}
	r.fn = r.try
	for !done() {
		if err := r.next(); err != nil {
			return err
		}
	}
	return nil
}

// next waits for the next bytes and has the reader look at them.
func (r *receiver) next() error {
	defer r.release()
	if err := r.fill(); err != nil {
		return err
	}
	return r.link.reader.Feed((*r.buf)[:r.n])
}

// fillHolding reads from a connection without a descriptor, and holds a buffer while it waits.
func (r *receiver) fillHolding() error {
	r.buf = r.link.group.buffers.get()
	n, err := r.link.Read(*r.buf)
	r.n = n
	if n > 0 {
		return nil
	}
	return err
}

func (r *receiver) release() {
	if r.buf != nil {
		r.link.group.buffers.put(r.buf)
		r.buf = nil
	}
}
