package bench

import (
	"context"
	"sync"
	"time"
)

// run is one call of Run.
type run struct {
	opts   Options
	clock  clock
	window *window
	fleet  *fleet
}

// Run connects the clients, puts the load on the servers and returns what it measured. It ends
// early, with an error, when ctx does. Clients that cannot connect or that are dropped are part of
// the report; it is an error, wrapping ErrConnect, only when no client can connect.
func Run(ctx context.Context, opts Options) (*Report, error) {
	opts, err := opts.withDefaults()
	if err != nil {
		return nil, err
	}
	r := &run{opts: opts, clock: clock{time.Now()}, window: newWindow()}
	d := newDialect(&opts)
	if r.fleet, err = newFleet(&r.opts, d, r.clock, r.window); err != nil {
		return nil, err
	}
	defer r.fleet.close()
	if opts.Progress != nil {
		var reporting sync.WaitGroup
		reportCtx, stop := context.WithCancel(ctx)
		reporting.Go(func() { r.report(reportCtx) })
		defer reporting.Wait()
		defer stop()
	}
	return r.measure(ctx, d)
}

func (r *run) measure(ctx context.Context, d dialect) (*Report, error) {
	m := measurement{fleet: r.fleet, window: r.window}
	var err error
	if m.before, err = UsageOf(r.opts.PIDs); err != nil {
		return nil, err
	}
	var pings *pauses
	if r.opts.PingRate > 0 {
		if pings, err = startPauses(ctx, &r.opts, d, r.clock, r.window); err != nil {
			return nil, err
		}
		defer pings.stop()
	}
	begin := time.Now()
	if err := r.fleet.connect(ctx); err != nil {
		return nil, err
	}
	m.connectTook = time.Since(begin)
	if m.connected, err = UsageOf(r.opts.PIDs); err != nil {
		return nil, err
	}

	m.load = newLoad(&r.opts, d, r.clock, r.window, r.fleet)
	from := r.clock.now() + int64(r.opts.WarmUp)
	r.window.set(from, from+int64(r.opts.Duration))
	var sending sync.WaitGroup
	sending.Go(func() { m.load.run(ctx) }) // ends with the window
	m.from, err = r.usageAt(ctx, from)
	ownFrom := ownTime()
	if err == nil {
		m.until, err = r.usageAt(ctx, from+int64(r.opts.Duration))
		m.own = ownTime() - ownFrom
	}
	sending.Wait()
	if err != nil { // ctx has ended, or the server has
		return nil, err
	}
	r.fleet.settle(ctx, m.load.total)
	r.fleet.resume(ctx)
	r.fleet.stop()
	report := m.report(&r.opts)
	if pings != nil {
		report.Pause = pings.stop()
	}
	return report, ctx.Err()
}

// usageAt waits for a moment and returns the usage of the server then.
func (r *run) usageAt(ctx context.Context, moment int64) (Usage, error) {
	timer := time.NewTimer(time.Duration(moment - r.clock.now()))
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return Usage{}, ctx.Err()
	case <-timer.C:
		return UsageOf(r.opts.PIDs)
	}
}
