package main

import (
	"context"
	"fmt"
	"math"
	"slices"
	"time"

	"chorus/auth"
	"chorus/bench"
)

// table is what a scenario came to.
type table struct {
	scenario scenario
	rows     []*row
}

// row is a server's part of it, or that of one variant.
type row struct {
	server  server
	variant string
	size    float64 // of the variant
	reports []*bench.Report
	failure string // of the first run that failed
	missing error  // why the server could not be installed
}

// special measures what the load generator does not.
type special func(ctx context.Context, l *lab, c *cluster, options bench.Options, quick bool) (*bench.Report, error)

// measure runs a scenario: in each round every server has its turn, with fresh processes, so that
// what else the machine does meets all alike. It fails only when ctx ends.
func (l *lab) measure(ctx context.Context, s scenario, servers []server, f flags) (*table, error) {
	variants := s.loads()
	t := &table{scenario: s}
	for _, server := range servers {
		if !slices.Contains(s.servers, server.name) {
			continue
		}
		for _, v := range variants {
			t.rows = append(t.rows, &row{server: server, variant: v.title, size: v.size, missing: l.missing[server.name]})
		}
	}
	rounds := s.roundsOf(f)
	for round := range rounds {
		for i, r := range t.rows {
			if r.missing != nil {
				continue
			}
			options := s.options
			variants[i%len(variants)].change(&options)
			report, err := l.once(ctx, s, r.server, options, f.Quick)
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			if err != nil {
				report = nil
				r.failure = err.Error()
			} else {
				r.reports = append(r.reports, report)
			}
			fmt.Printf("%s  %-10s round %d of %d  %-10s %s\n", time.Now().Format(time.TimeOnly), s.name, round+1, rounds, r.server.name, r.line(s, report))
		}
	}
	return t, nil
}

// loads are the variants, or the load as it is where there are none.
func (s scenario) loads() []variant {
	if s.variants == nil {
		return []variant{{change: func(*bench.Options) {}}}
	}
	return s.variants
}

// roundsOf is how often every server has its turn.
func (s scenario) roundsOf(f flags) int {
	switch {
	case f.Quick:
		return 1
	case s.rounds > 0:
		return min(f.Rounds, s.rounds)
	default:
		return f.Rounds
	}
}

// once runs the load on fresh processes of a server, and again when other programs disturbed it.
func (l *lab) once(ctx context.Context, s scenario, of server, options bench.Options, quick bool) (*bench.Report, error) {
	run := func() (*bench.Report, float64, error) { return l.run(ctx, s, of, options, quick) }
	if quick {
		report, _, err := run()
		return report, err
	}
	return l.undisturbed(ctx, run)
}

// run starts the server, runs the load, and stops the server. It also returns which share of the machine's CPU time other
// programs used meanwhile.
func (l *lab) run(ctx context.Context, s scenario, of server, options bench.Options, quick bool) (*bench.Report, float64, error) {
	nodes := of.nodes
	if s.nodes > 0 {
		nodes = s.nodes
	}
	c, err := l.start(ctx, of, nodes, options.Deflate)
	defer c.stop()
	if err != nil {
		return nil, 0, err
	}
	others, err := l.startOthers(c)
	if err != nil {
		return nil, 0, err
	}
	report, err := l.load(ctx, s, of, c, options, quick)
	if err != nil {
		return nil, 0, err
	}
	share, err := others.share()
	return report, share, err
}

// load runs the load of a scenario on a server that is running.
func (l *lab) load(ctx context.Context, s scenario, of server, c *cluster, options bench.Options, quick bool) (*bench.Report, error) {
	options.URLs, options.PIDs, options.Protocol, options.Token = c.urls, c.pids, of.protocol, token
	options.ConnectTimeout = connectTimeout
	if quick {
		options = s.quick(options)
	}
	if s.special != nil {
		return s.special(ctx, l, c, options, quick)
	}
	return bench.Run(ctx, options)
}

// quick returns the options of a short run.
func (s scenario) quick(options bench.Options) bench.Options {
	options.WarmUp, options.Duration = options.WarmUp/2, options.Duration/3
	if options.Connections > manyClients && s.growth == nil {
		options.Connections /= 4
	}
	return options
}

const (
	connectTimeout = 10 * time.Second
	tokenLife      = time.Hour
)

func token(client int) (string, error) {
	return auth.Sign(secret, "HS256", map[string]any{
		"sub": fmt.Sprintf("client-%d", client), "exp": time.Now().Add(tokenLife).Unix(),
	})
}

// line returns the result of a run as one line for the terminal.
func (r *row) line(s scenario, report *bench.Report) string {
	if report == nil {
		return "failed: " + r.failure
	}
	text := r.variant
	for _, f := range s.figures {
		text += fmt.Sprintf("  %s %s", f.title, f.text(f.of(report)))
	}
	return text
}

// values returns a figure in each round that has it.
func (r *row) values(f figure) []float64 {
	values := make([]float64, 0, len(r.reports))
	for _, report := range r.reports {
		if value := f.of(report); !math.IsNaN(value) {
			values = append(values, value)
		}
	}
	return values
}

// value returns the median of a figure over the rounds; false when none of them has it.
func (r *row) value(f figure) (float64, bool) {
	values := r.values(f)
	if len(values) == 0 {
		return 0, false
	}
	return median(values), true
}

func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values))
	middle := len(values) / 2
	if len(values)%2 == 1 {
		return values[middle]
	}
	return (values[middle-1] + values[middle]) / 2
}
