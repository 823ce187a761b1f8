// Command compare puts the same load on this project's node and on other servers, in turns, and
// writes what it measured to RESULTS.md. Run it with "make bench".
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

type flags struct {
	Only     []string `placeholder:"SERVER" help:"Only these servers: ${servers}. Prints instead of writing."`
	Scenario []string `placeholder:"NAME" help:"Only these scenarios: ${scenarios}. Prints instead of writing."`
	Quick    bool     `help:"One short round, to see whether all works. Prints instead of writing."`
	Rounds   int      `default:"${rounds}" help:"Rounds of which the median counts; some scenarios have fewer."`
	Scale    bool     `help:"Measure instead how the ways between nodes scale, from 1 to 16 of them, and write docs/scaling.md; about 15 minutes. --only then names some of: pubsub, sharded-static, sharded-dynamic, streams, node-pubsub, node-sharded, node-streams."`
	Dir      string   `default:"bench" type:"existingdir" help:"Directory of this benchmark in the source tree."`
}

// partial reports whether the flags ask for a part only, whose results are not kept.
func (f *flags) partial() bool { return len(f.Only) > 0 || len(f.Scenario) > 0 || f.Quick }

func main() {
	var f flags
	kong.Parse(&f, kong.Name("compare"), kong.Vars{"scenarios": scenarioNames(), "servers": serverNames(), "rounds": strconv.Itoa(defaultRounds)})
	if err := run(f); err != nil {
		fmt.Fprintln(os.Stderr, "compare:", err)
		os.Exit(1)
	}
}

func run(f flags) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if f.Scale {
		return runScale(ctx, f)
	}
	scenarios, servers, err := choose(f)
	if err != nil {
		return err
	}
	fmt.Printf("%d scenarios, about %s on a quiet machine\n", len(scenarios), minutes(expectedTime(scenarios, servers, f)))
	machine := describeMachine(ctx, f.Dir)
	begin := time.Now()
	lab, err := openLab(ctx, f.Dir)
	if err != nil {
		return err
	}
	defer lab.close()
	lab.install(ctx, servers)
	results := &results{machine: machine, rounds: f.Rounds}
	for _, s := range scenarios {
		table, err := lab.measure(ctx, s, servers, f)
		if err != nil {
			return err
		}
		results.tables = append(results.tables, table)
	}
	results.took = time.Since(begin)
	fmt.Println("all of it took", minutes(results.took))
	if f.partial() {
		return results.print(os.Stdout)
	}
	return results.write(f.Dir)
}

func runScale(ctx context.Context, f flags) error {
	machine := describeMachine(ctx, f.Dir)
	lab, err := openLab(ctx, f.Dir)
	if err != nil {
		return err
	}
	defer lab.close()
	points, err := lab.scale(ctx, f.Only, f.Quick)
	if err != nil {
		return err
	}
	if f.partial() {
		_, err = fmt.Print("\n", scaleMarkdown(points))
		return err
	}
	return writeScale(filepath.Join(f.Dir, "..", "docs"), points, machine)
}

// choose returns what the flags ask for.
func choose(f flags) ([]scenario, []server, error) {
	all, servers := scenarios(), allServers()
	var err error
	if len(f.Scenario) > 0 {
		if all, err = named(all, f.Scenario, func(s scenario) string { return s.name }); err != nil {
			return nil, nil, fmt.Errorf("--scenario %w", err)
		}
	}
	if len(f.Only) > 0 {
		if servers, err = named(servers, f.Only, func(s server) string { return s.name }); err != nil {
			return nil, nil, fmt.Errorf("--only %w", err)
		}
	}
	return all, servers, nil
}

// named returns the items with the names.
func named[T any](items []T, names []string, nameOf func(T) string) ([]T, error) {
	var chosen []T
	for _, name := range names {
		found := false
		for _, item := range items {
			if nameOf(item) == name {
				chosen, found = append(chosen, item), true
			}
		}
		if !found {
			return nil, fmt.Errorf("%s: there is no such thing", name)
		}
	}
	return chosen, nil
}
