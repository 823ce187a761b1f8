package main

import (
	"encoding/xml"
	"strconv"
	"strings"
	"testing"

	"chorus/bench"
)

// grown is a scenario whose figures are given, by server and size.
func grown(s scenario, report func(size float64) *bench.Report) *table {
	t := &table{scenario: s}
	for _, server := range allServers() {
		for _, v := range s.variants {
			r := &row{server: server, variant: v.title, size: v.size}
			switch server.name {
			case nodeName:
				r.failure = "does not listen"
			case chorusName:
				r.reports = []*bench.Report{report(v.size)}
			default:
				continue
			}
			t.rows = append(t.rows, r)
		}
	}
	return t
}

func TestGrowthIsNamed(t *testing.T) {
	for name, test := range map[string]struct {
		scenario scenario
		report   func(size float64) *bench.Report
		want     string
	}{
		"idle connections": {idleScenario(mostConnections), func(n float64) *bench.Report {
			return &bench.Report{Server: &bench.ServerReport{RSSEnd: int64(26*mega + 14_900*n), Cores: 0.002 + n*1.5e-6}}
		}, "- **chorus**: memory grows linearly, by 14.9 KB for each connection over 26 MB of the process (the worst point is 0 % off the line); " +
			"CPU time grows linearly, by 1.50 ms a second for each 1,000 connections over 2.00 ms of the process (the worst point is 0 % off the line)."},
		"what does not grow": {idleScenario(mostConnections), func(n float64) *bench.Report {
			return &bench.Report{Server: &bench.ServerReport{RSSEnd: int64(26 * mega), Cores: 0.1 / n}}
		}, "CPU time does not grow."},
		"clients that could not connect": {idleScenario(mostConnections), func(n float64) *bench.Report {
			return &bench.Report{Connect: bench.ConnectReport{Failed: int(n) / 4000}, Server: &bench.ServerReport{RSSEnd: int64(n)}}
		}, "- **chorus**: memory: there are too few points for a line"},
		"a room": {roomScenario(), func(n float64) *bench.Report {
			return &bench.Report{Load: &bench.LoadReport{Sent: 100}, Server: &bench.ServerReport{CPUSeconds: (45 + 9*n) / 1e4, CPUMicrosPerDelivery: (45 + 9*n) / n}}
		}, "- **chorus**: the cost of a message grows linearly: it is 45.0 µs plus 9.00 µs for each member, who are most of it from 5 members on (the worst point is 0 % off the line)."},
		"a bend": {roomScenario(), func(n float64) *bench.Report {
			return &bench.Report{Load: &bench.LoadReport{Sent: 100}, Server: &bench.ServerReport{CPUSeconds: n * n, CPUMicrosPerDelivery: n}}
		}, "the cost of a message grows not quite linearly"},
	} {
		table := grown(test.scenario, test.report)
		text := table.growthText()
		if !strings.Contains(text, test.want) {
			t.Errorf("%s: %s\nwant %s", name, text, test.want)
		}
		if !strings.Contains(text, "- Node.js: "+test.scenario.figures[0].title+": there are too few points") {
			t.Errorf("%s: %s", name, text)
		}
		chart := table.growthChart()
		if err := xml.Unmarshal([]byte(chart), new(struct{})); err != nil || strings.Contains(chart, "NaN") {
			t.Errorf("%s: %v in %s", name, err, chart)
		}
	}
}

func TestNotMoreConnectionsThanThereMayBe(t *testing.T) {
	for most, want := range map[int]string{50_000: "2000 4000 8000 16000", 19_000: "2000 4000 8000 16000", 1000: "125 250 500 1000"} {
		var sizes []string
		for _, v := range idleScenario(most).variants {
			var o bench.Options
			v.change(&o)
			sizes = append(sizes, strconv.Itoa(o.Connections))
			if v.size != float64(o.Connections) {
				t.Errorf("the size of %d connections is %v", o.Connections, v.size)
			}
		}
		if got := strings.Join(sizes, " "); got != want {
			t.Errorf("with at most %d connections: %s, want %s", most, got, want)
		}
	}
}
