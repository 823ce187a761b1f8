package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// graph is a picture of curves over a size.
type graph struct {
	title, size string    // size is what the horizontal axis has
	ticks       []float64 // of the horizontal axis; it ends with the last
	logX, logY  bool      // whether an axis has powers
	series      []series
}

// series is one curve: lines between its points, or a function, with its points as dots.
type series struct {
	name, color string
	xs, ys      []float64
	function    func(x float64) float64 // nil for none
}

// Measures of a graph, in pixels.
const (
	graphWidth  = 340
	graphHeight = 260
	legendWidth = 240
	axisWidth   = 52
	digitWidth  = 8  // of a label, with the space around it
	curveSteps  = 60 // of a function's curve
)

// drawGraphs draws graphs beside each other, with one legend, as an SVG that reads on light and dark pages.
func drawGraphs(graphs []graph) string {
	var b strings.Builder
	x := margin
	for _, g := range graphs {
		g.draw(&b, x)
		x += graphWidth + 2*margin
	}
	for i, s := range graphs[0].series {
		y := margin + titleHeight + i*(barHeight+barGap)
		fmt.Fprintf(&b, `<rect x="%d" y="%d" width="22" height="4" fill="%s"/>`, x, y, s.color)
		fmt.Fprintf(&b, `<text x="%d" y="%d" fill="#1f2328">%s</text>`+"\n", x+30, y+6, html.EscapeString(s.name))
	}
	width, height := x+legendWidth, graphHeight+4*margin+titleHeight
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" viewBox="0 0 %d %d" font-family="system-ui, sans-serif" font-size="13">
<rect width="100%%" height="100%%" rx="8" fill="#ffffff"/>
%s</svg>
`, width, height, width, height, b.String())
}

// draw draws a graph from x on.
func (g *graph) draw(b *strings.Builder, x int) {
	bottom := margin + titleHeight + graphHeight
	left, right := x+axisWidth, x+graphWidth
	across := axis{least: 0, most: g.ticks[len(g.ticks)-1], from: float64(left), to: float64(right)}
	if g.logX {
		across.least, across.log = g.ticks[0], true
	}
	up, marks := g.upright(float64(bottom))
	fmt.Fprintf(b, `<text x="%d" y="%d" font-weight="600" fill="#1f2328">%s</text>`+"\n", x, margin+8, html.EscapeString(g.title))
	for _, value := range marks {
		y := up.at(value)
		fmt.Fprintf(b, `<path d="M%d %.1fH%d" stroke="#d0d7de"/>`, left, y, right)
		fmt.Fprintf(b, `<text x="%d" y="%.1f" text-anchor="end" fill="#59636e">%s</text>`+"\n", left-6, y+4, tickText(value))
	}
	free := math.Inf(1) // what is left of the next label
	for _, tick := range slices.Backward(g.ticks) {
		at, text := across.at(tick), tickText(tick)
		if half := float64(len(text)*digitWidth) / 2; at+half <= free {
			fmt.Fprintf(b, `<text x="%.1f" y="%d" text-anchor="middle" fill="#59636e">%s</text>`, at, bottom+18, text)
			free = at - half
		}
	}
	fmt.Fprintf(b, `<text x="%d" y="%d" text-anchor="end" fill="#59636e">%s</text>`+"\n", right, bottom+34, html.EscapeString(g.size))
	for _, s := range g.series {
		s.draw(b, across, up)
	}
}

func (s *series) draw(b *strings.Builder, across, up axis) {
	if len(s.xs) == 0 {
		return
	}
	xs, ys := s.xs, s.ys
	if s.function != nil {
		for i, x := range s.xs {
			fmt.Fprintf(b, `<circle cx="%.1f" cy="%.1f" r="3.5" fill="%s"/>`, across.at(x), up.at(s.ys[i]), s.color)
		}
		xs, ys = nil, nil
		first, last := across.at(s.xs[0]), across.at(s.xs[len(s.xs)-1])
		for i := range curveSteps + 1 {
			x := across.value(first + (last-first)*float64(i)/curveSteps)
			xs, ys = append(xs, x), append(ys, s.function(x))
		}
	}
	points := make([]string, len(xs))
	for i, x := range xs {
		points[i] = fmt.Sprintf("%.1f,%.1f", across.at(x), up.at(ys[i]))
	}
	fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2"/>`+"\n", strings.Join(points, " "), s.color)
}

// upright returns the vertical axis, which has room for all points, and the values that are marked on it.
func (g *graph) upright(bottom float64) (axis, []float64) {
	least, most := math.Inf(1), 0.0
	for _, s := range g.series {
		for _, y := range s.ys {
			least, most = min(least, y), max(most, y)
		}
	}
	up := axis{from: bottom, to: bottom - graphHeight}
	if g.logY && least > 0 && most > 0 {
		up.log = true
		up.least, up.most = 1/roundStep(1/least), roundStep(most)
		if up.most < 10*up.least { // there must be something to mark
			up.least, up.most = math.Pow10(int(math.Floor(math.Log10(least)))), math.Pow10(int(math.Floor(math.Log10(most)))+1)
		}
		return up, powers(up.least, up.most)
	}
	step := roundStep(most / 4)
	up.most = step * math.Ceil(most/step)
	if most == 0 {
		step, up.most = 1, 1
	}
	var marks []float64
	for i := 0; float64(i)*step <= up.most; i++ {
		marks = append(marks, float64(i)*step)
	}
	return up, marks
}

// powers returns the powers of ten between two values.
func powers(from, to float64) []float64 {
	var marks []float64
	const nearly = 1e-9
	for i := math.Ceil(math.Log10(from) - nearly); i <= math.Log10(to)+nearly; i++ {
		marks = append(marks, math.Pow10(int(i)))
	}
	return marks
}

// roundStep returns 1, 2 or 5 times a power of ten, the least that is not below step.
func roundStep(step float64) float64 {
	if step <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(step)))
	for _, factor := range []float64{1, 2, 5} {
		if factor*power >= step {
			return factor * power
		}
	}
	return 10 * power
}

// tickText writes a value with as many digits as it needs, up to two.
func tickText(value float64) string {
	for digits := range 2 {
		if rounded := math.Pow10(digits) * value; math.Abs(rounded-math.Round(rounded)) < 1e-6 {
			return figure{digits: digits}.text(value)
		}
	}
	return figure{digits: 2}.text(value)
}

// axis maps values to pixels.
type axis struct {
	least, most float64
	from, to    float64 // pixels
	log         bool
}

func (a axis) at(value float64) float64 {
	if a.log {
		return a.from + (a.to-a.from)*math.Log(max(value, a.least)/a.least)/math.Log(a.most/a.least)
	}
	return a.from + (a.to-a.from)*(value-a.least)/(a.most-a.least)
}

// value is the reverse of at.
func (a axis) value(pixel float64) float64 {
	part := (pixel - a.from) / (a.to - a.from)
	if a.log {
		return a.least * math.Pow(a.most/a.least, part)
	}
	return a.least + part*(a.most-a.least)
}
