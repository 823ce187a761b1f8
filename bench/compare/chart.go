package main

import (
	"fmt"
	"html"
	"strings"
)

// panel is one group of bars of the chart.
type panel struct {
	scenario, figure, title string
	digits                  int
}

var panels = []panel{
	{"cost", "CPU per delivery", "CPU per delivery, µs (less is better)", 1},
	{"saturation", "deliveries", "deliveries per second at saturation (more is better)", 0},
	{"latency", "p99", "p99 at 400 broadcasts/s to 1,000 clients, ms (less is better)", 1},
	{"echo", "CPU per round trip", "CPU per request and answer, µs (less is better)", 0},
	{"memory", "per connection", "memory of an idle connection, KB (less is better)", 1},
	{"connect", "CPU per connect", "CPU per connect with JWT, µs (less is better)", 0},
}

// Measures of the chart, in pixels.
const (
	chartWidth  = 760
	labelWidth  = 150
	valueWidth  = 90
	barHeight   = 18
	barGap      = 6
	panelGap    = 22
	titleHeight = 24
	margin      = 16
)

// chart draws the main figures as bars, as an SVG that reads on light and dark pages.
func (r *results) chart() string {
	var b strings.Builder
	y := margin
	for _, p := range panels {
		y = r.panel(&b, p, y)
	}
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%%" height="100%%" rx="8" fill="#ffffff"/>
%s</svg>
`, chartWidth, y, chartWidth, y, b.String())
}

// panel draws one group and returns where the next one begins.
func (r *results) panel(b *strings.Builder, p panel, y int) int {
	type bar struct {
		server server
		value  float64
	}
	var bars []bar
	most := 0.0
	for _, s := range allServers() {
		if value, ok := r.value(p.scenario, s.name, p.figure); ok {
			bars = append(bars, bar{s, value})
			most = max(most, value)
		}
	}
	if most == 0 {
		return y
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="600" fill="#1f2328">%s</text>`+"\n", margin, y+barHeight-4, html.EscapeString(p.title))
	y += titleHeight
	figure := figure{digits: p.digits}
	for _, bar := range bars {
		width := int(bar.value / most * (chartWidth - labelWidth - valueWidth - 2*margin))
		color := "#8c959f"
		if bar.server.name == chorusName {
			color = "#0969da"
		}
		fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#1f2328">%s</text>`, margin+labelWidth-8, y+barHeight-4, html.EscapeString(plainTitle(bar.server)))
		fmt.Fprintf(b, `<rect x="%d" y="%d" width="%d" height="%d" rx="2" fill="%s"/>`, margin+labelWidth, y, max(width, 1), barHeight, color)
		fmt.Fprintf(b, `<text x="%d" y="%d" fill="#1f2328">%s</text>`+"\n", margin+labelWidth+max(width, 1)+6, y+barHeight-4, figure.text(bar.value))
		y += barHeight + barGap
	}
	return y + panelGap
}
