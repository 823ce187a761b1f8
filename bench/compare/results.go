package main

import (
	"encoding/json"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"chorus/bench"
)

// results are the tables of all scenarios.
type results struct {
	machine []fact
	rounds  int
	took    time.Duration
	tables  []*table
}

// Names of what is written, and of what the engine's author says about memory.
const (
	resultsName = "RESULTS.md"
	chartName   = "results.svg"
	rawName     = "results.json"
	memoryName  = "memory.md"
)

// write writes the results into the directory.
func (r *results) write(dir string) error {
	memory, err := os.ReadFile(filepath.Join(dir, memoryName)) //nolint:gosec // a file of the source tree
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	var text strings.Builder
	if err := r.markdown(&text, strings.TrimSpace(string(memory)), time.Now()); err != nil {
		return err
	}
	raw, err := r.raw()
	if err != nil {
		return err
	}
	files := map[string]string{resultsName: text.String(), chartName: r.chart(), rawName: raw}
	for _, t := range r.tables {
		if t.scenario.growth != nil {
			files[t.scenario.chartFile()] = t.growthChart()
		}
	}
	for name, content := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil { //nolint:gosec // for everybody to read
			return err
		}
	}
	fmt.Println("written:", filepath.Join(dir, resultsName))
	return nil
}

// raw is the reports of all runs.
func (r *results) raw() (string, error) {
	type run struct {
		Scenario string        `json:"scenario"`
		Server   string        `json:"server"`
		Variant  string        `json:"variant,omitempty"`
		Report   *bench.Report `json:"report"`
	}
	runs := make([]run, 0, len(r.tables))
	for _, t := range r.tables {
		for _, row := range t.rows {
			for _, report := range row.reports {
				runs = append(runs, run{t.scenario.name, row.server.name, row.variant, report})
			}
		}
	}
	text, err := json.MarshalIndent(runs, "", " ")
	return string(text) + "\n", err
}

// print prints the tables alone.
func (r *results) print(w io.Writer) error {
	for _, t := range r.tables {
		if _, err := fmt.Fprintf(w, "\n%s\n\n%s", t.scenario.title, t.markdown()); err != nil {
			return err
		}
		if t.scenario.growth != nil {
			if _, err := fmt.Fprintf(w, "\n%s", t.growthText()); err != nil {
				return err
			}
		}
	}
	return nil
}

// value is a server's figure in a scenario.
func (r *results) value(scenario, server, figure string) (float64, bool) {
	for _, t := range r.tables {
		if t.scenario.name != scenario {
			continue
		}
		if row := t.row(server); row != nil {
			for _, f := range t.scenario.figures {
				if f.title == figure {
					return row.value(f)
				}
			}
		}
	}
	return 0, false
}

func (t *table) row(server string) *row {
	for _, row := range t.rows {
		if row.server.name == server {
			return row
		}
	}
	return nil
}

func (r *results) markdown(w io.Writer, memory string, now time.Time) error {
	var b strings.Builder
	b.WriteString("# Chorus and others under the same load\n\n")
	fmt.Fprintf(&b, "Measured on %s by `make bench`: one run, in which the servers had their turns one after the\n"+
		"other, with fresh processes, and that %s. Figures are medians, with the smallest and the largest in brackets; `×` is how many times this project's\nfigure it is. "+
		"It took about %s. The raw reports are in `%s`.\n\n![chart](%s)\n\n", now.UTC().Format("2 January 2006"), times(r.rounds), minutes(r.took), rawName, chartName)
	b.WriteString("## What was promised\n\n| | kept? |\n|---|---|\n")
	for _, t := range targets() {
		fmt.Fprintf(&b, "| %s | %s |\n", t.text, t.verdict(r))
	}
	b.WriteString("\n## The figures\n\n")
	for _, t := range r.tables {
		fmt.Fprintf(&b, "### %s (`%s`)\n\n%s\n\n%s\n", t.scenario.title, t.scenario.name, t.scenario.text, t.markdown())
		if t.scenario.growth != nil {
			fmt.Fprintf(&b, "![chart](%s)\n\n%s\n", t.scenario.chartFile(), t.growthText())
		}
		if t.scenario.name == "memory" {
			if memory == "" {
				memory = "*(To be filled in from `" + memoryName + "`, which is missing.)*"
			}
			fmt.Fprintf(&b, "<!-- begin of %s -->\n%s\n<!-- end of %s -->\n\n", memoryName, memory, memoryName)
		}
	}
	b.WriteString("## What was compared\n\n| | |\n|---|---|\n")
	for _, s := range allServers() {
		fmt.Fprintf(&b, "| %s | %s |\n", s.title, s.note)
	}
	b.WriteString("\n" + method + howTo() + "\n## Machine and versions\n\n| | |\n|---|---|\n")
	for _, f := range r.machine {
		fmt.Fprintf(&b, "| %s | %s |\n", f.name, f.value)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

func times(rounds int) string {
	if rounds == 1 {
		return "once"
	}
	return fmt.Sprintf("up to %d times", rounds)
}

const method = `All servers but the floor verify a JWT (HS256) of each client and run as two processes over one Redis,
unless the table above says otherwise. The load generator (package ` + "`bench`" + `) speaks each server's
protocol over WebSocket from one process on the same machine, so that all share its cores; servers run
at a lower priority (nice 5) than the generator and Redis. CPU time is that of the servers' processes,
Redis' own not counted. Latency counts from the moment a message was due, whenever it could be sent.
Before each run the machine must be quiet for a second. A run during which other programs, or other guests of the
host, used more than 5 % of the CPU time is repeated, and not reported.

The generator has its own ceiling, which has to be far above what is measured: with writes of 20 frames
it received 1,200,000 deliveries a second from 1,000 connections on 0.5 of a core, and 2,900,000 with
writes of 100, when the cores were full (` + "`peers/floor -copies N`" + ` is the server for that).

`

// howTo says how to measure again, and how long that takes.
func howTo() string {
	whole := minutes(expectedTime(scenarios(), allServers(), flags{Rounds: defaultRounds}))
	look := minutes(expectedTime(scenarios(), allServers(), flags{Quick: true}))
	return fmt.Sprintf(`## Do it yourself

`+"```sh"+`
make bench                                                      # all, about %s on two cores
go run ./bench/compare --quick                                  # a look, about %s
go run ./bench/compare --only chorus,floor --scenario cost      # a part
`+"```"+`
`, whole, look)
}

func (t *table) markdown() string {
	var b strings.Builder
	head, rule := "| |", "|---|"
	for _, f := range t.scenario.figures {
		head, rule = head+" "+f.heading()+" |", rule+"---:|"
		if f.ratio {
			head, rule = head+" × |", rule+"---:|"
		}
	}
	fmt.Fprintln(&b, head)
	fmt.Fprintln(&b, rule)
	base := t.row(chorusName)
	for _, r := range t.rows {
		b.WriteString("| " + r.name(t.scenario) + " |")
		for _, f := range t.scenario.figures {
			value, ok := r.value(f)
			b.WriteString(" " + r.cell(ok, f.text(value)+r.spread(f)) + " |")
			if f.ratio {
				b.WriteString(" " + ratio(value, ok, base, f) + " |")
			}
		}
		b.WriteString("\n")
	}
	for _, r := range t.rows {
		if remark := r.remark(); remark != "" {
			fmt.Fprintf(&b, "\n%s: %s\n", r.name(t.scenario), remark)
		}
	}
	return b.String()
}

func (r *row) name(s scenario) string {
	name := r.server.title
	if r.variant != "" {
		name += ", " + r.variant
	}
	if nodes := r.server.nodes; s.nodes == 0 && nodes == 1 && r.server.name != floorName {
		name += " (one node)"
	}
	return name
}

// remark is what the figures of a row do not tell.
func (r *row) remark() string {
	if r.missing != nil {
		return strings.ReplaceAll("not measured, because it could not be installed: "+r.missing.Error(), "\n", " ")
	}
	var remarks []string
	if r.failure != "" {
		remarks = append(remarks, "a run failed: "+r.failure)
	}
	for _, report := range r.reports {
		if report.Connect.Failed > 0 {
			remarks = append(remarks, fmt.Sprintf("%d clients could not connect: %s", report.Connect.Failed, report.Connect.Failure))
			break
		}
		if report.Pause != nil && report.Pause.Failure != "" {
			remarks = append(remarks, fmt.Sprintf("the client that sends pings lost its connection: %s", report.Pause.Failure))
			break
		}
		if report.Load != nil && report.Load.Dropped > 0 {
			remarks = append(remarks, fmt.Sprintf("connections closed by the server, the first with: %s", report.Load.DropReason))
			break
		}
	}
	return strings.ReplaceAll(strings.Join(remarks, "; "), "\n", " ")
}

func (f figure) heading() string {
	if f.unit == "" {
		return f.title
	}
	return f.title + ", " + strings.Replace(f.unit, "us", "µs", 1)
}

func (f figure) text(value float64) string {
	if math.IsNaN(value) {
		return "none"
	}
	text := strconv.FormatFloat(value, 'f', f.digits, 64)
	if unsigned := strings.TrimPrefix(text, "-"); strings.Trim(unsigned, "0.") == "" {
		text = unsigned // there is no -0
	}
	if f.digits > 0 {
		return text
	}
	for i := len(text) - 3; i > 0 && text[i-1] != '-'; i -= 3 {
		text = text[:i] + "," + text[i:]
	}
	return text
}

// spread returns the smallest and the largest value of the rounds; nothing when they all look the same.
func (r *row) spread(f figure) string {
	values := r.values(f)
	if len(values) == 0 {
		return ""
	}
	least, most := f.text(slices.Min(values)), f.text(slices.Max(values))
	if least == most {
		return ""
	}
	return " (" + least + " to " + most + ")"
}

func (r *row) cell(ok bool, text string) string {
	switch {
	case ok:
		return text
	case r.missing != nil:
		return "not measured"
	case len(r.reports) == 0:
		return "failed"
	default:
		return "none"
	}
}

func ratio(value float64, ok bool, base *row, f figure) string {
	if !ok || base == nil {
		return ""
	}
	own, ok := base.value(f)
	if !ok || own == 0 {
		return ""
	}
	return strconv.FormatFloat(value/own, 'f', 2, 64)
}
