package main

import (
	"fmt"
	"strings"
)

// scaleMarkdown is what was measured.
func scaleMarkdown(points []point) string {
	var b strings.Builder
	for _, w := range workloads() {
		fmt.Fprintf(&b, "### %s\n\n", strings.ToUpper(w.title[:1])+w.title[1:])
		for _, f := range scaleFigures {
			fmt.Fprintf(&b, "%s:\n\n|", f.title)
			for _, nodes := range scaleNodes {
				fmt.Fprintf(&b, " | %d", nodes)
			}
			b.WriteString(" |\n|---|" + strings.Repeat("---:|", len(scaleNodes)) + "\n")
			for _, kind := range carrierKinds() {
				fmt.Fprintf(&b, "| %s", kind.title)
				for _, nodes := range scaleNodes {
					b.WriteString(" | " + scaleCell(points, kind.name, w.name, nodes, f))
				}
				b.WriteString(" |\n")
			}
			b.WriteString("\n")
		}
	}
	b.WriteString(modelMarkdown(points))
	return b.String()
}

// scaleFigure is a table.
type scaleFigure struct {
	title  string
	digits int
	of     func(point) float64
}

// scaleFigures are the tables of a workload; the columns are numbers of nodes.
var scaleFigures = []scaleFigure{
	{"Bytes out of Redis per message", 0, func(p point) float64 { return p.BytesOut }},
	{"CPU time of Redis per message, µs", 1, func(p point) float64 { return p.RedisCPU }},
	{"CPU time of all nodes together per message, µs", 0, func(p point) float64 { return p.NodeCPU }},
	{"Median latency, ms", 2, func(p point) float64 { return p.P50 }},
}

func scaleCell(points []point, carrier, workload string, nodes int, f scaleFigure) string {
	for _, p := range points {
		if p.Carrier == carrier && p.Workload == workload && p.Nodes == nodes {
			if p.Failure != "" {
				return "failed"
			}
			return figure{digits: f.digits}.text(f.of(p))
		}
	}
	return ""
}

// modelSizes are the clusters that are calculated.
var modelSizes = []float64{10, 100, 1000}

// modelMarkdown says what the fitted lines mean for larger clusters.
func modelMarkdown(points []point) string {
	var b strings.Builder
	b.WriteString("### What that means for larger clusters\n\n")
	b.WriteString("A line was fitted to the figures of the first workload. A message costs Redis *fixed + per node × nodes*, and each node that does not need it *per foreign message*. " +
		"From that: at how many messages per second of the whole cluster Redis has used up its core (the wall), and, for 10,000 messages per second of the whole cluster, the part of a core that each node spends on those of others.\n\n")
	b.WriteString("| | Redis: fixed, µs | per node, µs | node: per foreign message, µs | foreign at 10,000/s, cores")
	for _, nodes := range modelSizes {
		fmt.Fprintf(&b, " | wall, %.0f nodes, /s", nodes)
	}
	b.WriteString(" |\n|---|---:|---:|---:|---:|" + strings.Repeat("---:|", len(modelSizes)) + "\n")
	for _, kind := range carrierKinds() {
		m, ok := modelOf(points, kind.name, workloads()[0].name)
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "| %s | %.1f | %.2f | %.1f | %.2f", kind.title, m.redis.Fixed, m.redis.PerNode, max(0, m.nodes.PerNode), m.foreignShare(10_000))
		for _, nodes := range modelSizes {
			b.WriteString(" | " + figure{}.text(m.redisWall(nodes)))
		}
		b.WriteString(" |\n")
	}
	b.WriteString("\n")
	return b.String()
}
