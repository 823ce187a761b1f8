package bench

import (
	"context"
	"time"
)

// Progress is what a run does at a moment.
type Progress struct {
	Phase      Phase
	Left       time.Duration // of the phase; 0 while connecting
	Connected  int
	Dropped    int
	Deliveries uint64 // since the beginning
	PerSecond  float64
}

// Phase is a part of a run.
type Phase string

// The phases, in their order.
const (
	PhaseConnect Phase = "connecting"
	PhaseWarmUp  Phase = "warming up"
	PhaseMeasure Phase = "measuring"
	PhaseDrain   Phase = "draining"
)

const progressInterval = time.Second

// report calls Progress until ctx ends.
func (r *run) report(ctx context.Context) {
	ticker := time.NewTicker(progressInterval)
	defer ticker.Stop()
	var last uint64
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		p := Progress{Connected: r.fleet.connected(), Dropped: r.fleet.dropped(), Deliveries: r.fleet.arrived()}
		p.PerSecond = float64(p.Deliveries-last) / progressInterval.Seconds()
		last = p.Deliveries
		p.Phase, p.Left = r.phase()
		r.opts.Progress(p)
	}
}

func (r *run) phase() (Phase, time.Duration) {
	now, from, until := r.clock.now(), r.window.from.Load(), r.window.until.Load()
	switch {
	case until == never:
		return PhaseConnect, 0
	case now < from:
		return PhaseWarmUp, time.Duration(from - now)
	case now < until:
		return PhaseMeasure, time.Duration(until - now)
	default:
		return PhaseDrain, 0
	}
}
