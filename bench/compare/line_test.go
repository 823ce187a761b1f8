package main

import (
	"math"
	"testing"
)

func TestFit(t *testing.T) {
	for name, test := range map[string]struct {
		fit    func(xs, ys []float64) line
		xs, ys []float64
		want   line
		worst  float64
	}{
		"a line":                 {fit, []float64{1, 2, 4}, []float64{5, 7, 11}, line{Fixed: 3, Each: 2}, 0},
		"around a line":          {fit, []float64{0, 1, 2, 3}, []float64{0.5, 0.5, 2.5, 2.5}, line{Fixed: 0.3, Each: 0.8}, 1.2},
		"one point":              {fit, []float64{4}, []float64{7}, line{Fixed: 7}, 0},
		"nothing":                {fit, nil, nil, line{}, 0},
		"relative: a line":       {fitRelative, []float64{1, 10, 1000}, []float64{47, 65, 2045}, line{Fixed: 45, Each: 2}, 0},
		"relative: around one":   {fitRelative, []float64{1, 1, 1000, 1000}, []float64{45, 49, 1951.84, 2125.33}, line{Fixed: 44.9, Each: 1.988}, 0.045},
		"relative: no growth":    {fitRelative, []float64{1, 2, 4}, []float64{4, 4, 4}, line{Fixed: 4}, 0},
		"relative: shrinks":      {fitRelative, []float64{1, 2}, []float64{4, 2}, line{Fixed: 2.4}, 0.4},
		"relative: below":        {fitRelative, []float64{1, 2}, []float64{1, 4}, line{Each: 1.2}, 0.4},
		"relative: one point":    {fitRelative, []float64{4}, []float64{7}, line{Fixed: 7}, 0},
		"relative: no points":    {fitRelative, nil, nil, line{}, 0},
		"relative: one size":     {fitRelative, []float64{4, 4}, []float64{7, 7}, line{Fixed: 7}, 0},
		"relative: a proportion": {fitRelative, []float64{1, 2, 4}, []float64{3, 6, 12}, line{Each: 3}, 0},
	} {
		got := test.fit(test.xs, test.ys)
		const near = 0.01
		if math.Abs(got.Fixed-test.want.Fixed) > near*max(1, test.want.Fixed) || math.Abs(got.Each-test.want.Each) > near {
			t.Errorf("%s: %+v, want %+v", name, got, test.want)
		}
		if worst := got.worst(test.xs, test.ys); math.Abs(worst-test.worst) > near {
			t.Errorf("%s: the worst point is off by %v, want %v", name, worst, test.worst)
		}
	}
}
