package main

import (
	"math"
	"strings"
)

// scaleColors are those of the carriers, in their order: Chorus is blue and green, Node.js orange and red.
var scaleColors = []string{"#0969da", "#54aeff", "#1a7f37", "#8250df", "#bf8700", "#cf222e", "#bc4c00"}

// drawScale draws what a message costs Redis, and each node that does not need it.
func drawScale(points []point) string {
	return drawGraphs([]graph{
		scaleGraph(points, "CPU of Redis per message under load, µs", func(p point) float64 { return p.RedisCPU }),
		scaleGraph(points, "CPU of each other node per message, µs", foreignCPU),
	})
}

// scaleGraph has a curve for each carrier over the number of nodes.
func scaleGraph(points []point, title string, of func(point) float64) graph {
	g := graph{title: title, size: "nodes"}
	for _, nodes := range scaleNodes {
		g.ticks = append(g.ticks, float64(nodes))
	}
	workload := workloads()[0].name
	for i, kind := range carriers() {
		s := series{name: strings.ReplaceAll(kind.title, "`", ""), color: scaleColors[i]}
		for _, p := range points {
			if p.Carrier == kind.name && p.Workload == workload && p.Failure == "" && !math.IsNaN(of(p)) {
				s.xs, s.ys = append(s.xs, float64(p.Nodes)), append(s.ys, of(p))
			}
		}
		g.series = append(g.series, s)
	}
	return g
}
