package bench

import (
	"bytes"
	"context"
	"time"
)

// load publishes what the options ask for.
type load struct {
	opts    *Options
	dialect dialect
	clock   clock
	window  *window
	fleet   *fleet

	senders []*sender
	padding []byte
	value   []byte // scratch
	message []byte // scratch
	frame   []byte // scratch

	late     histogram // how late messages of the window left, which is the generator's own doing
	offered  uint64    // messages that were due in the window
	sent     uint64    // those of them that the sender's socket, or its buffer, took
	expected uint64    // deliveries of these
	total    uint64    // deliveries expected of all that was ever sent
}

// sender is a client that publishes.
type sender struct {
	*conn
	number uint32 // of its next message
}

// Pauses of the loop that sends.
const (
	inFlightPause = 100 * time.Microsecond
	// stuckAfter is how long nothing arrives before what is in flight counts as lost, for the
	// purpose of sending on.
	stuckAfter = time.Second
)

// valueHead and valueTail are around a value's stamp and padding.
const (
	valueHead = `{"text":"`
	valueTail = `"}`
)

func newLoad(o *Options, d dialect, c clock, w *window, f *fleet) *load {
	l := &load{opts: o, dialect: d, clock: c, window: w, fleet: f}
	padding := max(0, o.Payload-len(valueHead)-stampLength-len(valueTail))
	if l.padding = bytes.Repeat([]byte{'x'}, padding); o.Deflate {
		l.padding = appendWords(l.padding[:0], padding)
	}
	for _, c := range f.senders(o.Senders) {
		l.senders = append(l.senders, &sender{conn: c})
	}
	return l
}

// run sends from now on until the window ends, or ctx does.
func (l *load) run(ctx context.Context) {
	if len(l.senders) == 0 {
		return
	}
	if l.opts.Rate > 0 {
		l.paced(ctx)
	} else {
		l.unpaced(ctx)
	}
}

func (l *load) paced(ctx context.Context) {
	s := schedule{start: l.clock.now(), rate: l.opts.Rate}
	for i := uint64(0); ; i++ {
		due := s.at(i)
		if !l.window.before(due) || l.clock.sleepUntil(ctx, due) != nil {
			return
		}
		_ = l.send(i, due) // what is not sent is counted as that
	}
}

// unpaced keeps InFlight messages per sender on their way.
func (l *load) unpaced(ctx context.Context) {
	limit := uint64(l.opts.InFlight * len(l.senders)) //nolint:gosec // not negative
	var forgiven uint64                               // deliveries that are not waited for any more
	arrived, progress := l.fleet.arrived(), l.clock.now()
	for i := uint64(0); ctx.Err() == nil; {
		now := l.clock.now()
		if !l.window.before(now) {
			return
		}
		if a := l.fleet.arrived(); a != arrived {
			arrived, progress = a, now
		} else if now-progress > int64(stuckAfter) {
			forgiven, progress = l.total-min(arrived, l.total), now
		}
		each := max(1, l.total/max(1, i))
		if l.total > arrived+forgiven && (l.total-arrived-forgiven)/each >= limit {
			sleep(inFlightPause)
			continue
		}
		if l.send(i, now) != nil {
			sleep(inFlightPause)
		}
		i++
	}
}

// send sends message i, and fails when its sender cannot.
func (l *load) send(i uint64, due int64) error {
	s := l.senders[i%uint64(len(l.senders))]
	receivers, room := uint64(1), ""
	if !l.opts.Echo {
		number := s.rooms[int(s.number)%len(s.rooms)]
		if l.opts.Rooms > 0 {
			room = roomName(l.opts, number)
		}
		receivers = l.fleet.members(number)
	}
	mark := stamp{due: due, sender: uint16(i % uint64(len(l.senders))), number: s.number} //nolint:gosec // at most maxSenders
	l.value = mark.append(append(l.value[:0], valueHead...))
	l.value = append(append(l.value, l.padding...), valueTail...)
	if l.opts.Echo {
		l.message = l.dialect.request(l.message[:0], s.number, l.value)
	} else {
		l.message = l.dialect.publish(l.message[:0], room, l.value)
	}
	l.frame = s.frame(l.frame[:0], opText, l.message)
	if l.opts.Binary {
		l.frame = s.frame(l.frame, opBinary, l.value)
	}
	err := s.send(l.frame)
	measured := l.window.has(due)
	if measured {
		l.offered++
		l.late.record(l.clock.now() - due)
	}
	if err != nil {
		return err // it is offered and not sent
	}
	s.number++
	l.total += receivers
	if measured {
		l.sent++
		l.expected += receivers
	}
	return nil
}
