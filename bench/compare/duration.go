package main

import (
	"fmt"
	"math"
	"slices"
	"time"
)

// What a run takes besides its load.
const (
	defaultRounds = 5
	runOverhead   = 3 * time.Second // to wait for a quiet machine, to start the server and to stop it
	stormRate     = 2000.0          // connects a second when nothing holds the clients back
)

// expectedTime is how long the scenarios take when no round must be repeated.
func expectedTime(scenarios []scenario, servers []server, f flags) time.Duration {
	var sum time.Duration
	for _, s := range scenarios {
		for _, server := range servers {
			if !slices.Contains(s.servers, server.name) {
				continue
			}
			for _, v := range s.loads() {
				sum += time.Duration(s.roundsOf(f)) * s.runTime(v, f.Quick)
			}
		}
	}
	return sum
}

// runTime is how long one run takes, with a server that loses nothing.
func (s scenario) runTime(v variant, quick bool) time.Duration {
	if s.special != nil {
		if quick {
			return runOverhead + s.takes/3
		}
		return runOverhead + s.takes
	}
	options := s.options
	v.change(&options)
	if quick {
		options = s.quick(options)
	}
	rate := options.ConnectRate
	if rate == 0 {
		rate = stormRate
	}
	connecting := time.Duration(float64(options.Connections) / rate * float64(time.Second))
	return runOverhead + connecting + options.WarmUp + options.Duration
}

// minutes writes a time that is about so long: in steps of five minutes from twenty on.
func minutes(d time.Duration) string {
	count := d.Minutes()
	if count >= 20 {
		count = 5 * math.Round(count/5)
	}
	switch count = math.Round(count); count {
	case 0, 1:
		return "a minute"
	default:
		return fmt.Sprintf("%.0f minutes", count)
	}
}
