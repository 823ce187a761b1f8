package main

import (
	"fmt"
	"slices"
	"strings"

	"chorus/bench"
)

// growth says how the figures of a scenario grow, whose variants have different sizes.
type growth struct {
	size   string // what the sizes count, as "connections"
	logX   bool
	curves []curve
}

// curve is a figure that grows along a line.
type curve struct {
	title  string // of its graph
	of     figure
	logY   bool
	shared bool                            // the figure is a line divided by the size
	words  func(l line, how string) string // nil for none
}

// serverColors are those of the curves.
var serverColors = map[string]string{chorusName: "#0969da", centrifugeName: "#bf8700", nodeName: "#1a7f37", floorName: "#8c959f"}

// chartFile is the name of the picture that a scenario's growth has.
func (s scenario) chartFile() string { return s.name + ".svg" }

// sized are the sizes that were measured on a server, and a figure there. A size at which clients could not connect is not
// that size.
func (t *table) sized(server string, f figure) (xs, ys []float64) {
	for _, r := range t.rows {
		if value, ok := r.value(f); ok && r.server.name == server && value > 0 && !r.incomplete() {
			xs, ys = append(xs, r.size), append(ys, value)
		}
	}
	return xs, ys
}

// incomplete reports whether clients could not connect.
func (r *row) incomplete() bool {
	return slices.ContainsFunc(r.reports, func(report *bench.Report) bool { return report.Connect.Failed > 0 })
}

// fitted returns the line of a curve, and how far the worst point is from it, as a part of 1; false with less than three
// points, through which there is always a line.
func (c curve) fitted(xs, ys []float64) (l line, worst float64, ok bool) {
	if c.shared {
		whole := slices.Clone(ys)
		for i, x := range xs {
			whole[i] *= x
		}
		ys = whole
	}
	l = fitRelative(xs, ys)
	return l, l.worst(xs, ys), len(xs) > 2 //nolint:mnd // two points are a line
}

// growthChart draws the curves of all servers.
func (t *table) growthChart() string {
	graphs := make([]graph, 0, len(t.scenario.growth.curves))
	for _, c := range t.scenario.growth.curves {
		g := graph{title: c.title, size: t.scenario.growth.size, logX: t.scenario.growth.logX, logY: c.logY}
		for _, v := range t.scenario.variants {
			g.ticks = append(g.ticks, v.size)
		}
		for _, server := range t.servers() {
			s := series{name: plainTitle(server), color: serverColors[server.name]}
			s.xs, s.ys = t.sized(server.name, c.of)
			if l, _, ok := c.fitted(s.xs, s.ys); ok {
				s.function = func(x float64) float64 {
					if c.shared {
						return l.at(x) / x
					}
					return l.at(x)
				}
			}
			g.series = append(g.series, s)
		}
		graphs = append(graphs, g)
	}
	return drawGraphs(graphs)
}

// linearly says how well a line describes points of which the worst is so far from it.
func linearly(worst float64) string {
	switch {
	case worst <= 0.1:
		return "linearly"
	case worst <= 0.3: //nolint:mnd // a judgement
		return "roughly linearly"
	default:
		return "not quite linearly"
	}
}

// servers returns the servers of the rows, each once.
func (t *table) servers() []server {
	var servers []server
	for _, r := range t.rows {
		if !slices.ContainsFunc(servers, func(s server) bool { return s.name == r.server.name }) {
			servers = append(servers, r.server)
		}
	}
	return servers
}

// growthText says how the figures grow with each server.
func (t *table) growthText() string {
	var b strings.Builder
	for _, server := range t.servers() {
		sentences := make([]string, 0, len(t.scenario.growth.curves))
		for _, c := range t.scenario.growth.curves {
			l, worst, ok := c.fitted(t.sized(server.name, c.of))
			switch {
			case c.words == nil:
			case ok && l.Each == 0:
				sentences = append(sentences, c.of.title+" does not grow")
			case ok:
				sentences = append(sentences, fmt.Sprintf("%s (the worst point is %.0f %% off the line)", c.words(l, linearly(worst)), 100*worst))
			default:
				sentences = append(sentences, c.of.title+": there are too few points for a line")
			}
		}
		fmt.Fprintf(&b, "- %s: %s.\n", server.title, strings.Join(sentences, "; "))
	}
	return b.String()
}

// plainTitle is a server's title without markup.
func plainTitle(s server) string { return strings.Trim(strings.ReplaceAll(s.title, "`", ""), "*") }
