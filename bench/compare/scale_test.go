package main

import (
	"encoding/xml"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A message costs Redis 2 us and 1 us for each node, and each other node 3 us. Every node sends 100 a second.
func TestModel(t *testing.T) {
	var points []point
	for _, nodes := range []int{1, 2, 4} {
		n := float64(nodes)
		points = append(points, point{Carrier: "pubsub", Workload: "load", Nodes: nodes, In: 1, BytesOut: 200 * n, RedisCPU: 2 + n, ForeignCPU: 3})
	}
	points = append(points, point{Carrier: "pubsub", Workload: "load", Nodes: 8, Failure: "does not listen"})
	m, ok := modelOf(points, "pubsub", "load")
	if !ok {
		t.Fatal("no model")
	}
	for name, test := range map[string]struct{ got, want float64 }{
		"cores of Redis for 10":        {m.redisCores(10), 1000 * 12 / 1e6},
		"cores of a node for 10":       {m.nodeCores(10), 900 * 3 / 1e6},
		"megabytes for 10":             {m.megabytes(10), 1000 * 2000 / 1e6},
		"the last whole Redis":         {float64(wall(m.redisCores)), 99}, // 100 n (2 + n) is a million just above
		"the last node with some time": {float64(wall(m.nodeCores)), 3334},
		"no wall":                      {float64(wall(func(float64) float64 { return 0 })), mostNodes},
	} {
		if math.Abs(test.got-test.want) > 1e-9 {
			t.Errorf("%s: %v, want %v", name, test.got, test.want)
		}
	}
	text := scaleMarkdown(points)
	for _, want := range []string{
		"| `pubsub` | 1.0 | 2.0 | 4.0 | failed |  |", // copies out of Redis
		"| `pubsub` | 2.0 + 1.00 n | 3.0 | 0.01 | 0 | 2.0 |",
		"| 99 | 3,334 |",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("the tables have no %q:\n%s", want, text)
		}
	}
}

func TestScalePageKeepsItsProse(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, "scaling.md")
	if err := os.WriteFile(page, []byte("# Before\n\n"+scaleBegin+"\nold\n"+scaleEnd+"\n\nAfter.\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	points := []point{{Carrier: "streams", Workload: "load", Nodes: 1, BytesOut: 200, RedisCPU: 7}, {Carrier: "streams", Workload: "load", Nodes: 2, BytesOut: 400, RedisCPU: 9}}
	if err := writeScale(dir, points, []fact{{"Redis", "seven"}}); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	got := string(text)
	if !strings.HasPrefix(got, "# Before\n\n"+scaleBegin) || !strings.HasSuffix(got, scaleEnd+"\n\nAfter.\n") || strings.Contains(got, "old") ||
		!strings.Contains(got, "| Redis | seven |") || !strings.Contains(got, "| `streams` | 7.0 | 9.0 |") {
		t.Errorf("the page is now\n%s", got)
	}
	chart, err := os.ReadFile(filepath.Join(dir, "scaling.svg"))
	if err != nil {
		t.Fatal(err)
	}
	if err := xml.Unmarshal(chart, new(struct{})); err != nil || strings.Count(string(chart), "<polyline") != 2 {
		t.Errorf("%v in\n%s", err, chart)
	}
	if err := os.WriteFile(page, []byte("no marks"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := writeScale(dir, points, nil); err == nil {
		t.Error("a page without marks is written")
	}
}
