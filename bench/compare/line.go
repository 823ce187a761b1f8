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
	s := sumsOf(xs, ys, relative)
	if l.Each < 0 || s.xx == 0 {
		return line{Fixed: s.y / s.n}
	}
	return line{Each: s.xy / s.xx}
}

// fitWeighted returns the line with the least sum of weighted squares.
func fitWeighted(xs, ys []float64, weight func(y float64) float64) line {
	s := sumsOf(xs, ys, weight)
	switch {
	case len(xs) == 0:
		return line{}
	case slices.Min(xs) == slices.Max(xs):
		return line{Fixed: s.y / s.n}
	}
	slope := (s.n*s.xy - s.x*s.y) / (s.n*s.xx - s.x*s.x)
	return line{Fixed: (s.y - slope*s.x) / s.n, Each: slope}
}

// sums are those of weighted points that a fit needs; n is that of the weights.
type sums struct{ n, x, y, xx, xy float64 }

func sumsOf(xs, ys []float64, weight func(y float64) float64) (s sums) {
	for i, x := range xs {
		w, y := weight(ys[i]), ys[i]
		s.n, s.x, s.y, s.xx, s.xy = s.n+w, s.x+w*x, s.y+w*y, s.xx+w*x*x, s.xy+w*x*y
	}
	return s
}

// worst returns the greatest relative distance of a point from the line.
func (l line) worst(xs, ys []float64) float64 {
	worst := 0.0
	for i, x := range xs {
		worst = max(worst, math.Abs(l.Fixed+l.Each*x-ys[i])/ys[i])
	}
	return worst
}
