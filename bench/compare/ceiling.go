package main

import (
	"context"

	"chorus/bench"
)

// What ceiling offers.
const (
	ceilingStep  = 1.5  // times the rate before
	ceilingSteps = 20   // at most: 3,300 times the first rate
	leastSent    = 0.99 // of what was due, and of the deliveries within the time
)

// ceiling raises the rate of broadcasts until a server loses something, closes a connection or falls behind. It returns
// the report of the last rate that the server carried, or that of the first when it did not carry that.
func ceiling(ctx context.Context, _ *lab, _ *cluster, options bench.Options, quick bool) (*bench.Report, error) {
	var best *bench.Report
	step := ceilingStep
	if quick {
		step = 4
	}
	for range ceilingSteps {
		report, err := bench.Run(ctx, options)
		if err != nil {
			if best != nil && ctx.Err() == nil {
				return best, nil // the server did not recover from the load before
			}
			return nil, err
		}
		if best != nil && !carried(report) {
			return best, nil
		}
		best = report
		if !carried(report) {
			return best, nil
		}
		options.Rate *= step
	}
	return best, nil
}

// carried reports whether a server delivered in time all that was offered.
func carried(report *bench.Report) bool {
	l := load(report)
	inTime := l.DeliveriesPerSecond * l.Seconds
	return l.Lost == 0 && l.Dropped == 0 && report.Connect.Failed == 0 &&
		float64(l.Sent) >= leastSent*float64(l.Offered) && inTime >= leastSent*float64(l.Expected)
}
