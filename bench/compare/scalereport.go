package main

import (
	"fmt"
	"math"
	"strings"
)

// scaleMarkdown is what was measured.
func scaleMarkdown(points []point) string {
	var b strings.Builder
	for _, w := range workloads() {
		fmt.Fprintf(&b, "### %s\n\n", strings.ToUpper(w.title[:1])+w.title[1:])
		for _, f := range w.figures {
			fmt.Fprintf(&b, "%s:\n\n|", f.title)
			for _, nodes := range scaleNodes {
				fmt.Fprintf(&b, " | %d", nodes)
			}
			b.WriteString(" |\n|---|" + strings.Repeat("---:|", len(scaleNodes)) + "\n")
			for _, kind := range carriers() {
				fmt.Fprintf(&b, "| %s", kind.title)
				for _, nodes := range scaleNodes {
					b.WriteString(" | " + scaleCell(points, kind.name, w.name, nodes, f))
				}
				b.WriteString(" |\n")
			}
			b.WriteString("\n")
		}
	}
	return b.String() + modelMarkdown(points)
}

// scaleFigure is a table.
type scaleFigure struct {
	title  string
	digits int
	of     func(point) float64 // nil: what comes out, in copies of what one node gets
}

// scaleFigures are the tables of a workload; the columns are numbers of nodes.
var scaleFigures = []scaleFigure{
	{"Messages into Redis per message", 2, func(p point) float64 { return p.In }},
	{"Messages out of Redis per message", 1, nil},
	{"Bytes out of Redis per message", 0, func(p point) float64 { return p.BytesOut }},
	{"CPU time of Redis per message, µs", 1, func(p point) float64 { return p.RedisCPU }},
	{senderTitle, 0, func(p point) float64 { return p.SenderCPU }},
	{"CPU time of each other node per message, µs", 1, foreignCPU},
}

const senderTitle = "CPU time of the node that sends per message, µs"

// leastMessage is less than a message has: the rest of the output is what Redis answers to the sender.
const leastMessage = 100 // bytes

// foreignCPU is for those clusters that have other nodes.
func foreignCPU(p point) float64 {
	if p.Nodes == 1 {
		return math.NaN()
	}
	return p.ForeignCPU
}

func scaleCell(points []point, carrier, workload string, nodes int, f scaleFigure) string {
	for _, p := range points {
		if p.Carrier == carrier && p.Workload == workload && p.Nodes == nodes {
			if p.Failure != "" {
				return "failed"
			}
			if f.of != nil {
				return figure{digits: f.digits}.text(f.of(p))
			}
			if p.BytesOut < leastMessage {
				return figure{digits: f.digits}.text(0)
			}
			for _, alone := range points {
				if alone.Carrier == carrier && alone.Workload == workload && alone.Nodes == 1 && alone.Failure == "" {
					return figure{digits: f.digits}.text(p.BytesOut / alone.BytesOut)
				}
			}
		}
	}
	return ""
}

// modelSizes are the clusters that are calculated.
var modelSizes = []float64{10, 100, 1000}

// modelMarkdown says what the fitted lines mean for larger clusters. They are those under load: a Redis that is
// nearly full does not sleep between two messages.
func modelMarkdown(points []point) string {
	var b strings.Builder
	w := workloads()[0]
	fmt.Fprintf(&b, "### The model\n\nLines through the figures under load, for clusters of n nodes that send %d messages a second each, for rooms of other "+
		"nodes than most: the cores that Redis needs, the part of a core that each node spends on the messages of the others, and what leaves Redis, in MB a second. "+
		"*Full at* is the number of nodes at which that is a whole core.\n\n", modelRate)
	b.WriteString("| | Redis per message, µs | each other node, µs")
	for _, nodes := range modelSizes {
		fmt.Fprintf(&b, " | n = %s: Redis | node | MB/s", figure{}.text(nodes))
	}
	b.WriteString(" | Redis full at | nodes full at |\n|---|---:|---:|" + strings.Repeat("---:|", 3*len(modelSizes)+2) + "\n")
	for _, kind := range carriers() {
		m, ok := modelOf(points, kind.name, w.name)
		if !ok {
			continue
		}
		fmt.Fprintf(&b, "| %s | %.1f + %.2f n | %.1f", kind.title, m.redis.Fixed, max(0, m.redis.Each), m.foreign)
		for _, nodes := range modelSizes {
			fmt.Fprintf(&b, " | %s | %s | %s", shareText(m.redisCores(nodes)), shareText(m.nodeCores(nodes)), shareText(m.megabytes(nodes)))
		}
		fmt.Fprintf(&b, " | %s | %s |\n", wallText(m.redisCores), wallText(m.nodeCores))
	}
	b.WriteString("\n")
	return b.String()
}

// shareText writes two digits that say something.
func shareText(value float64) string {
	switch {
	case value < 0.01:
		return "0"
	case value < 1:
		return figure{digits: 2}.text(value)
	case value < 10:
		return figure{digits: 1}.text(value)
	default:
		return figure{}.text(value)
	}
}

func wallText(need func(nodes float64) float64) string {
	nodes := wall(need)
	if nodes >= mostNodes {
		return "never"
	}
	return figure{}.text(float64(nodes))
}
