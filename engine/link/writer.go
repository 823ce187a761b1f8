package link

// Writer writes to links. It is one object for many, so that a write allocates nothing.
type Writer struct {
	p   []byte
	n   int
	err error
	fn  func(fd uintptr) bool
}

// Write gives p to the link and returns how much of it was taken, with ErrBlocked when that was not
// all.
func (w *Writer) Write(l *Link, p []byte) (int, error) {
	if l.raw == nil {
		return l.writeBehind(p)
	}
	if w.fn == nil {
		w.fn = w.try
	}
	w.p, w.n, w.err = p, 0, nil
	err := l.raw.Write(w.fn)
	w.p = nil
	if err == nil {
		err = w.err
	}
	return w.n, err
}

// Last writes what ends a link that is not blocked, and finishes it.
func (w *Writer) Last(l *Link, p []byte) {
	l.finished.Store(true)
	var err error
	if l.raw == nil {
		err = l.endBehind(p)
	} else {
		_, err = w.Write(l, p)
	}
	if err != nil {
		_ = l.Close()
		return
	}
	l.Finish()
}

// AwaitWritable returns when the link takes something again, or has failed.
func (l *Link) AwaitWritable() {
	if l.raw != nil {
		_ = l.raw.Write(writable)
		return
	}
	if written := l.behind.underWay(); written != nil {
		<-written
	}
}
