package main

import (
	"math"
	"strings"
	"testing"
)

func TestFit(t *testing.T) {
	for name, test := range map[string]struct {
		xs, ys []float64
		want   line
	}{
		"a line":        {[]float64{1, 2, 4}, []float64{5, 7, 11}, line{Fixed: 3, PerNode: 2}},
		"around a line": {[]float64{0, 1, 2, 3}, []float64{0.5, 0.5, 2.5, 2.5}, line{Fixed: 0.3, PerNode: 0.8}},
		"one point":     {[]float64{4}, []float64{7}, line{Fixed: 7}},
		"nothing":       {nil, nil, line{}},
	} {
		got := fit(test.xs, test.ys)
		if math.Abs(got.Fixed-test.want.Fixed) > 1e-9 || math.Abs(got.PerNode-test.want.PerNode) > 1e-9 {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
	}
}

// A cluster of 10 in which a message costs Redis 2 us and 1 us for each node has its wall at 1e6/12.
func TestModel(t *testing.T) {
	var points []point
	for _, nodes := range []int{1, 2, 4} {
		points = append(points, point{Carrier: "pubsub", Workload: "rooms", Nodes: nodes, RedisCPU: 2 + float64(nodes), NodeCPU: 20 + 3*float64(nodes-1)})
	}
	points = append(points, point{Carrier: "pubsub", Workload: "rooms", Nodes: 8, Failure: "does not listen"})
	m, ok := modelOf(points, "pubsub", "rooms")
	if wall := m.redisWall(10); !ok || math.Abs(wall-1e6/12) > 1e-6 {
		t.Errorf("wall %v, %v", wall, ok)
	}
	if share := m.foreignShare(10_000); math.Abs(share-0.03) > 1e-9 {
		t.Errorf("share %v", share)
	}
	if text := scaleMarkdown(points); !strings.Contains(text, "| `pubsub` | 2.0 | 1.00 | 3.0 | 0.03 | 83,333 |") || !strings.Contains(text, "failed") {
		t.Errorf("tables:\n%s", text)
	}
}
