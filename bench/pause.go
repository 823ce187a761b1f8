package bench

import (
	"context"
	"fmt"
	"sync"
	"time"
)

// pauses finds the times in which a server does nothing. One more client, whose deliveries do not count, sends WebSocket pings
// one after the other. Every server must answer them (RFC 6455 section 5.5.2), and most do it below their application: a
// ping that is not answered waits for what stops all others too, as a collection of garbage or a long turn of an event loop.
type pauses struct {
	conn    *handshake
	dialect dialect
	clock   clock
	window  *window
	end     context.CancelFunc
	running sync.WaitGroup

	// The rest belongs to the goroutine until it has ended.
	report PauseReport
}

// startPauses connects the client and begins to send so many pings a second. end or ctx ends that.
func startPauses(ctx context.Context, o *Options, d dialect, c clock, w *window) (*pauses, error) {
	server, err := parseServer(o.URLs[0])
	if err != nil {
		return nil, err
	}
	var client member
	if o.Token != nil {
		if client.token, err = o.Token(o.Connections); err != nil {
			return nil, err
		}
	}
	joinCtx, joined := context.WithTimeout(ctx, o.ConnectTimeout)
	defer joined()
	p := &pauses{dialect: d, clock: c, window: w}
	if p.conn, err = connect(joinCtx, d, server, client, nil, false); err != nil {
		return nil, fmt.Errorf("%w: the client that sends pings: %w", ErrConnect, err)
	}
	ctx, p.end = context.WithCancel(ctx)
	context.AfterFunc(ctx, func() { _ = p.conn.conn.Close() }) // that ends a read
	p.running.Go(func() {                                      // ends with ctx, or with the connection
		if err := p.run(ctx, o.PingRate); ctx.Err() == nil {
			p.report.Failure = err.Error()
		}
	})
	return p, nil
}

// run sends pings until there is an error.
func (p *pauses) run(ctx context.Context, rate float64) error {
	ticker := time.NewTicker(time.Duration(float64(time.Second) / rate))
	defer ticker.Stop()
	for {
		sent := p.clock.now()
		err := p.conn.write(opPing, nil)
		if err == nil {
			err = p.awaitPong()
		}
		p.record(sent, p.clock.now()-sent) // also of one that is not answered any more
		if err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-ticker.C:
		}
	}
}

// awaitPong reads until the answer, and answers heartbeats.
func (p *pauses) awaitPong() error {
	for {
		op, payload, err := p.conn.frame()
		if err != nil {
			return err
		}
		switch op {
		case opPong:
			return nil
		case opPing:
			err = p.conn.write(opPong, payload)
		case opClose:
			return fmt.Errorf("%w: %s", errFarewell, closeReason(payload))
		case opText:
			for rest := payload; len(rest) > 0 && err == nil; {
				var k kind
				if _, k, rest = p.dialect.read(rest); k == heartbeat {
					err = p.conn.send(p.dialect.pong())
				}
			}
		}
		if err != nil {
			return err
		}
	}
}

func (p *pauses) record(sent, took int64) {
	longest := &p.report.Connecting
	switch {
	case p.window.has(sent):
		longest = &p.report.Load
	case !p.window.before(sent): // what follows the window
		return
	}
	*longest = max(*longest, milliseconds(time.Duration(took)))
}

// stop ends the client and returns what it found.
func (p *pauses) stop() *PauseReport {
	p.end()
	p.running.Wait()
	return &p.report
}
