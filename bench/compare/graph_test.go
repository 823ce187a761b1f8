package main

import (
	"encoding/xml"
	"math"
	"slices"
	"strings"
	"testing"
)

func TestAxis(t *testing.T) {
	for name, test := range map[string]struct {
		axis         axis
		value, pixel float64
	}{
		"linear":                    {axis{least: 0, most: 16, from: 100, to: 260}, 4, 140},
		"upward":                    {axis{least: 0, most: 10, from: 300, to: 40}, 10, 40},
		"powers":                    {axis{least: 1, most: 1000, from: 0, to: 300, log: true}, 100, 200},
		"powers that begin with 10": {axis{least: 10, most: 1000, from: 0, to: 300, log: true}, 10, 0},
	} {
		if got := test.axis.at(test.value); math.Abs(got-test.pixel) > 1e-9 {
			t.Errorf("%s: %v is at %v, want %v", name, test.value, got, test.pixel)
		}
		if got := test.axis.value(test.pixel); math.Abs(got-test.value) > 1e-9 {
			t.Errorf("%s: at %v is %v, want %v", name, test.pixel, got, test.value)
		}
	}
}

func TestMarks(t *testing.T) {
	for name, test := range map[string]struct {
		ys    []float64
		log   bool
		marks string
	}{
		"hundreds":     {[]float64{30, 240}, false, "0 100 200 300"},
		"tenths":       {[]float64{0.03, 0.31}, false, "0 0.1 0.2 0.3 0.4"},
		"a round most": {[]float64{20}, false, "0 5 10 15 20"},
		"nothing":      {nil, false, "0 1"},
		"powers":       {[]float64{45, 9800}, true, "100 1,000 10,000"},
		"one power":    {[]float64{10}, true, "10 100"},
		"no power":     {nil, true, "0 1"},
	} {
		g := graph{logY: test.log, series: []series{{ys: test.ys}}}
		up, marks := g.upright(300)
		texts := make([]string, len(marks))
		for i, mark := range marks {
			texts[i] = tickText(mark)
		}
		if got := strings.Join(texts, " "); got != test.marks {
			t.Errorf("%s: the marks are %s, want %s", name, got, test.marks)
		}
		for _, y := range test.ys {
			if at := up.at(y); at > 300 || at < 300-graphHeight {
				t.Errorf("%s: %v is drawn at %v", name, y, at)
			}
		}
	}
}

func TestGraphsAreXML(t *testing.T) {
	g := graph{title: "a < b", size: "nodes", ticks: []float64{1, 10}, logX: true, series: []series{
		{name: "dots & a curve", color: "#000", xs: []float64{1, 10}, ys: []float64{1, 2}, function: func(x float64) float64 { return x }},
		{name: "lines", color: "#111", xs: []float64{1, 10}, ys: []float64{1, 2}}, {name: "nothing", color: "#222"},
	}}
	text := drawGraphs([]graph{g, g})
	if err := xml.Unmarshal([]byte(text), new(struct{})); err != nil {
		t.Fatal(err)
	}
	for part, want := range map[string]int{"<circle": 4, "<polyline": 4, ">nothing<": 1} {
		if got := strings.Count(text, part); got != want {
			t.Errorf("there are %d %q, want %d in\n%s", got, part, want, text)
		}
	}
	if slices.ContainsFunc([]string{"NaN", "Inf"}, func(s string) bool { return strings.Contains(text, s) }) {
		t.Error(text)
	}
}
