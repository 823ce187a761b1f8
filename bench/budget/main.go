// Command budget counts the instructions of the hot paths with valgrind and compares them with budget.json. Unlike
// seconds, counts do not depend on what else the machine does. Run it with "make budget"; --write accepts the counts.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

// path is one hot path: a benchmark, and how many operations are counted.
type path struct {
	pkg, benchmark string
	operations     int
}

var paths = []path{
	{"./engine/frame", "BenchmarkReader", 2000},
	{"./engine/outgoing", "BenchmarkTree", 50},
	{"./codec", "BenchmarkDecode/small/ours", 20_000},
	{"./codec", "BenchmarkDecode/2KB/ours", 5000},
	{"./codec", "BenchmarkEncode/small/ours", 20_000},
	{"./adapter/wire/msgpack", "BenchmarkTranscode/chat/text", 10_000},
}

// tolerance is how much a count may exceed its budget. The Go runtime adds about one per cent of noise, and other
// processors have other instructions for copying and comparing.
const tolerance = 0.1

var errBudget = errors.New("a hot path exceeds its budget: make it cheaper, or accept the counts with make budget WRITE=1 and say why in the commit")

func main() {
	write := flag.Bool("write", false, "write the counts as the new budget")
	file := flag.String("file", "bench/budget/budget.json", "the budget: instructions of one operation")
	flag.Parse()
	if err := run(*file, *write); err != nil {
		fmt.Fprintln(os.Stderr, "budget:", err)
		os.Exit(1)
	}
}

func run(file string, write bool) error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	budget := make(map[string]int)
	text, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err == nil {
		err = json.Unmarshal(text, &budget)
	}
	if err != nil && !write {
		return err
	}
	temp, err := os.MkdirTemp("", "chorus-budget-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp) //nolint:errcheck // a folder of temporary files
	counts, err := countAll(ctx, temp)
	if err != nil {
		return err
	}
	if write {
		text, err := json.MarshalIndent(counts, "", "\t")
		if err != nil {
			return err
		}
		return os.WriteFile(file, append(text, '\n'), 0o644) //nolint:gosec // a file of the source tree
	}
	return compare(counts, budget)
}

func countAll(ctx context.Context, temp string) (map[string]int, error) {
	counts := make(map[string]int)
	for _, p := range paths {
		count, err := p.count(ctx, temp)
		if err != nil {
			return nil, fmt.Errorf("%s of %s: %w", p.benchmark, p.pkg, err)
		}
		counts[p.name()] = count
	}
	return counts, nil
}

// compare prints the counts beside their budgets.
func compare(counts, budget map[string]int) (err error) {
	for _, p := range paths {
		name := p.name()
		verdict := "ok"
		switch limit, ok := budget[name]; {
		case !ok:
			verdict, err = "has no budget", errBudget
		case float64(counts[name]) > float64(limit)*(1+tolerance):
			verdict, err = fmt.Sprintf("exceeds its budget of %d", limit), errBudget
		}
		fmt.Printf("%-50s %8d instructions  %s\n", name, counts[name], verdict)
	}
	return err
}

func (p path) name() string { return strings.TrimPrefix(p.pkg, "./") + " " + p.benchmark }

// count returns the instructions of one operation: what three times the operations cost more than one time, so that the
// start of the program does not count.
func (p path) count(ctx context.Context, temp string) (int, error) {
	binary := filepath.Join(temp, strings.ReplaceAll(strings.TrimPrefix(p.pkg, "./"), "/", "_"))
	if _, err := os.Stat(binary); err != nil {
		build := exec.CommandContext(ctx, "go", "test", "-c", "-tags", "valgrind", "-o", binary, p.pkg) //nolint:gosec // constants
		if output, err := build.CombinedOutput(); err != nil {
			return 0, fmt.Errorf("%w: %s", err, output)
		}
	}
	once, err := p.instructions(ctx, binary, p.operations)
	if err != nil {
		return 0, err
	}
	thrice, err := p.instructions(ctx, binary, 3*p.operations)
	return (thrice - once) / (2 * p.operations), err
}

var counted = regexp.MustCompile(`I +refs: +([0-9,]+)`)

// instructions counts the instructions of a run. Without the garbage collector, whose turns would differ from run to run.
func (p path) instructions(ctx context.Context, binary string, operations int) (int, error) {
	pattern := "^" + strings.ReplaceAll(p.benchmark, "/", "$/^") + "$"
	command := exec.CommandContext(ctx, "valgrind", "--tool=cachegrind", "--cache-sim=no", "--cachegrind-out-file=/dev/null", //nolint:gosec // constants
		binary, "-test.run", "^$", "-test.cpu", "1", "-test.bench", pattern, "-test.benchtime", strconv.Itoa(operations)+"x")
	command.Dir = p.pkg
	command.Env = append(os.Environ(), "GOGC=off")
	output, err := command.CombinedOutput()
	if err != nil {
		return 0, fmt.Errorf("valgrind: %w: %s", err, output)
	}
	found := counted.FindSubmatch(output)
	if found == nil || !bytes.Contains(output, []byte("ns/op")) {
		return 0, fmt.Errorf("valgrind ran no benchmark: %s", output)
	}
	return strconv.Atoi(strings.ReplaceAll(string(found[1]), ",", ""))
}
