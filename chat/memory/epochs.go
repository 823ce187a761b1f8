package memory

// epochs are those of logs that have no message yet, so that a client can ask later for what came since.
type epochs struct {
	names map[string]string
	most  int
}

// of returns the epoch that a log is going to have.
func (e *epochs) of(log string) string {
	if epoch, ok := e.names[log]; ok {
		return epoch
	}
	for other := range e.names { // any one gives way
		if len(e.names) < e.most {
			break
		}
		delete(e.names, other)
	}
	epoch := newEpoch()
	e.names[log] = epoch
	return epoch
}

// take returns the epoch of a log that begins.
func (e *epochs) take(log string) string {
	epoch := e.of(log)
	delete(e.names, log)
	return epoch
}

// drop forgets a log.
func (e *epochs) drop(log string) { delete(e.names, log) }
