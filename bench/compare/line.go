package main

import (
	"math"
	"slices"
)

// line is y = Fixed + Each * x.
type line struct{ Fixed, Each float64 }

// at returns its value, never less than nothing: a slope that noise has made negative stands for none.
func (l line) at(x float64) float64 { return max(0, l.Fixed+max(0, l.Each)*x) }

// fit returns the line with the least squares of distance to the points.
func fit(xs, ys []float64) line {
	return fitWeighted(xs, ys, func(float64) float64 { return 1 })
}

// fitRelative returns the line with the least squares of relative distance, of which a small point has as much as a great
// one. Neither part of it is negative. The values are positive.
func fitRelative(xs, ys []float64) line {
	relative := func(y float64) float64 { return 1 / (y * y) }
	l := fitWeighted(xs, ys, relative)
	if l.Fixed >= 0 && l.Each >= 0 {
		return l
	}
	// The best line without negative parts is then one with a single part.
	var w, wx, wxx, wy, wxy float64
	for i, x := range xs {
		weight := relative(ys[i])
		w, wx, wxx, wy, wxy = w+weight, wx+weight*x, wxx+weight*x*x, wy+weight*ys[i], wxy+weight*x*ys[i]
	}
	if l.Each < 0 || wxx == 0 {
		return line{Fixed: wy / w}
	}
	return line{Each: wxy / wxx}
}

// fitWeighted returns the line with the least sum of weighted squares.
func fitWeighted(xs, ys []float64, weight func(y float64) float64) line {
	var n, sx, sy, sxx, sxy float64
	for i, x := range xs {
		w, y := weight(ys[i]), ys[i]
		n, sx, sy, sxx, sxy = n+w, sx+w*x, sy+w*y, sxx+w*x*x, sxy+w*x*y
	}
	switch {
	case len(xs) == 0:
		return line{}
	case slices.Min(xs) == slices.Max(xs):
		return line{Fixed: sy / n}
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return line{Fixed: (sy - slope*sx) / n, Each: slope}
}

// worst returns the greatest relative distance of a point from the line.
func (l line) worst(xs, ys []float64) float64 {
	worst := 0.0
	for i, x := range xs {
		worst = max(worst, math.Abs(l.Fixed+l.Each*x-ys[i])/ys[i])
	}
	return worst
}
