package main

import (
	"fmt"
	"html"
	"math"
	"strings"
)

// Measures of a graph, in pixels.
const (
	graphWidth  = 340
	graphHeight = 260
	legendWidth = 240
	axisWidth   = 46
)

// scaleColors are those of the carriers, in their order: Chorus is blue and green, Node.js orange and red.
var scaleColors = []string{"#0969da", "#54aeff", "#1a7f37", "#8250df", "#bf8700", "#cf222e", "#bc4c00"}

// drawScale draws what a message costs Redis, and each node that does not need it, as an SVG that reads on
// light and dark pages.
func drawScale(points []point) string {
	w := workloads()[0]
	var b strings.Builder
	x := margin
	for _, g := range []struct {
		title string
		of    func(point) float64
	}{
		{"CPU of Redis per message under load, µs", func(p point) float64 { return p.RedisCPU }},
		{"CPU of each other node per message, µs", foreignCPU},
	} {
		drawGraph(&b, points, w.name, g.title, g.of, x)
		x += graphWidth + 2*margin
	}
	for i, kind := range carriers() {
		y := margin + titleHeight + i*(barHeight+barGap)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="22" height="4" fill="%s"/>`, x, y, scaleColors[i])
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#1f2328">%s</text>`+"\n", x+30, y+6, html.EscapeString(strings.ReplaceAll(kind.title, "`", "")))
	}
	width, height := x+legendWidth, graphHeight+4*margin+titleHeight
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%%" height="100%%" rx="8" fill="#ffffff"/>
%s</svg>
`, width, height, width, height, b.String())
}

// drawGraph draws a line for each carrier over the number of nodes, from x on.
func drawGraph(b *strings.Builder, points []point, workload, title string, of func(point) float64, x int) {
	most, last := 0.0, float64(scaleNodes[len(scaleNodes)-1])
	for _, p := range points {
		if p.Workload == workload && p.Failure == "" && !math.IsNaN(of(p)) {
			most = max(most, of(p))
		}
	}
	bottom := margin + titleHeight + graphHeight
	left, right := x+axisWidth, x+graphWidth
	place := func(nodes int, value float64) (float64, float64) {
		return float64(left) + float64(nodes)/last*float64(right-left), float64(bottom) - value/max(most, 1e-9)*graphHeight
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="600" fill="#1f2328">%s</text>`+"\n", x, margin+8, html.EscapeString(title))
	for i := range 5 {
		value := most * float64(i) / 4
		_, y := place(0, value)
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#d0d7de"/>`, left, y, right)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#59636e">%s</text>`+"\n", left-6, y+4, figure{digits: 1}.text(value))
	}
	for _, nodes := range scaleNodes {
		at, _ := place(nodes, 0)
		fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#59636e">%d</text>`, at, bottom+18, nodes)
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#59636e">nodes</text>`+"\n", right, bottom+34)
	for i, kind := range carriers() {
		var line []string
		for _, p := range points {
			if p.Carrier == kind.name && p.Workload == workload && p.Failure == "" && !math.IsNaN(of(p)) {
				px, py := place(p.Nodes, of(p))
				line = append(line, fmt.Sprintf("%.1f,%.1f", px, py))
			}
		}
		if len(line) > 0 {
			fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(line, " "), scaleColors[i])
		}
	}
}
