package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"chorus/bench"
)

func TestMedian(t *testing.T) {
	for _, test := range []struct {
		values []float64
		want   float64
	}{{[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 2, 3}, 2.5}} {
		if got := median(test.values); got != test.want {
			t.Errorf("%v: %v, want %v", test.values, got, test.want)
		}
	}
}

func TestFigureText(t *testing.T) {
	for _, test := range []struct {
		digits int
		value  float64
		want   string
	}{{0, 1234567.8, "1,234,568"}, {0, -1234, "-1,234"}, {0, -123, "-123"}, {0, 12, "12"}, {2, 1234.5, "1234.50"}, {1, math.NaN(), "none"}} {
		if got := (figure{digits: test.digits}).text(test.value); got != test.want {
			t.Errorf("%v: %s, want %s", test.value, got, test.want)
		}
	}
}

// measured are results in which a server's CPU per delivery is given; a negative one has failed.
func measured(t *testing.T, cpu map[string]float64) *results {
	t.Helper()
	r := &results{}
	for _, s := range scenarios() {
		table := &table{scenario: s}
		for _, server := range allServers() {
			value, ok := cpu[server.name]
			if !ok {
				continue
			}
			row := &row{server: server}
			if value < 0 {
				row.failure = "does not listen"
			} else {
				row.reports = []*bench.Report{{
					Server: &bench.ServerReport{CPUMicrosPerDelivery: value},
					Load:   &bench.LoadReport{Expected: 100, Lost: 100},
				}}
			}
			table.rows = append(table.rows, row)
		}
		r.tables = append(r.tables, table)
	}
	return r
}

func TestResultsTellRatiosAndFailures(t *testing.T) {
	r := measured(t, map[string]float64{chorusName: 10, floorName: 8, nodeName: -1})
	cost := r.tables[1].markdown()
	for _, want := range []string{
		"| **chorus** | 10.00 | 1.00 | none | none | 100 |", "| bare `write(2)` | 8.00 | 0.80 |",
		"| Node.js | failed |", "Node.js: a run failed: does not listen",
	} {
		if !strings.Contains(cost, want) {
			t.Errorf("the table lacks %q:\n%s", want, cost)
		}
	}
	verdicts := map[string]string{}
	for _, target := range targets() {
		verdicts[target.text] = target.verdict(r)
	}
	for text, want := range map[string]string{
		"a delivery costs at most 1.15 times the bare `write(2)`": "**no** (1.25)",
		"a connect costs less CPU than with centrifuge":           "not measured",
		"nothing lost (%)":                          "**no** (100.00)",
		"a message for nobody costs less than 3 us": "**no** (10.00)",
	} {
		if verdicts[text] != want {
			t.Errorf("%s: %s, want %s", text, verdicts[text], want)
		}
	}
}

func TestMissingServersAreNoted(t *testing.T) {
	impossible := func(context.Context, place) error { return errors.New("no registry\nanswers") }
	servers := []server{{name: centrifugoName, title: "Centrifugo", nodes: 2, install: impossible}, {name: nodeName, title: "Node.js"}}
	l := &lab{}
	l.install(t.Context(), servers)
	s := scenario{name: "cost", servers: []string{centrifugoName}, figures: []figure{{title: "CPU", of: cpuPerDelivery}}}
	table, err := l.measure(t.Context(), s, servers, flags{Rounds: 1})
	if err != nil {
		t.Fatal(err)
	}
	text := table.markdown()
	for _, want := range []string{"| Centrifugo | not measured |", "Centrifugo: not measured, because it could not be installed: no registry answers"} {
		if !strings.Contains(text, want) {
			t.Errorf("the table lacks %q:\n%s", want, text)
		}
	}
}

func TestVersionsAreKnown(t *testing.T) {
	for _, f := range describeMachine(t.Context(), "..") {
		if strings.HasPrefix(f.name, "npm ") && (f.value == "unknown" || f.value == "") {
			t.Errorf("the version of %s is not known", f.name)
		}
	}
}

func TestTargetsNameWhatThereIs(t *testing.T) {
	r := measured(t, map[string]float64{chorusName: 2, floorName: 2, nodeName: 4, centrifugeName: 4})
	for _, target := range targets() {
		found := false
		for _, s := range scenarios() {
			for _, f := range s.figures {
				found = found || s.name == target.scenario && f.title == target.figure
			}
		}
		if !found {
			t.Errorf("no scenario %s has %q", target.scenario, target.figure)
		}
	}
	for _, p := range panels {
		if _, ok := r.value(p.scenario, chorusName, p.figure); !ok && p.figure != "p99" {
			t.Errorf("the chart's %s of %s is not there", p.figure, p.scenario)
		}
	}
}

func TestMarkdownAndChart(t *testing.T) {
	r := measured(t, map[string]float64{chorusName: 10, floorName: 8})
	var text strings.Builder
	if err := r.markdown(&text, "it consists of this", time.Unix(0, 0)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(text.String(), "1 January 1970") || !strings.Contains(text.String(), "it consists of this") {
		t.Error(&text)
	}
	decoder := xml.NewDecoder(strings.NewReader(r.chart()))
	for {
		if _, err := decoder.Token(); errors.Is(err, io.EOF) {
			return
		} else if err != nil {
			t.Fatalf("the chart is not XML: %v", err)
		}
	}
}

func TestEveryPictureOfThePageIsWritten(t *testing.T) {
	r, dir := measured(t, map[string]float64{chorusName: 10, floorName: 8}), t.TempDir()
	if err := r.write(dir); err != nil {
		t.Fatal(err)
	}
	page, err := os.ReadFile(filepath.Join(dir, resultsName))
	if err != nil {
		t.Fatal(err)
	}
	pictures := regexp.MustCompile(`!\[chart\]\((.*?)\)`).FindAllStringSubmatch(string(page), -1)
	if len(pictures) != 3 {
		t.Errorf("the page has the pictures %v", pictures)
	}
	for _, picture := range pictures {
		text, err := os.ReadFile(filepath.Join(dir, picture[1]))
		if err != nil {
			t.Error(err)
		} else if err := xml.Unmarshal(text, new(struct{})); err != nil {
			t.Errorf("%s: %v", picture[1], err)
		}
	}
}

func TestChoose(t *testing.T) {
	if _, _, err := choose(flags{Only: []string{"nginx"}}); err == nil {
		t.Error("an unknown server is accepted")
	}
	if _, _, err := choose(flags{Scenario: []string{"nothing"}}); err == nil {
		t.Error("an unknown scenario is accepted")
	}
	s, servers, err := choose(flags{Only: []string{"chorus"}, Scenario: []string{"echo", "cost"}})
	if err != nil || len(s) != 2 || len(servers) != 1 {
		t.Errorf("%d scenarios, %d servers, %v", len(s), len(servers), err)
	}
}
