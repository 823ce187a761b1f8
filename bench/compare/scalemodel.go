package main

// line is y = Fixed + PerNode * x.
type line struct{ Fixed, PerNode float64 }

// at returns its value, never less than nothing: a slope that noise has made negative stands for none.
func (l line) at(x float64) float64 { return max(0, l.Fixed+max(0, l.PerNode)*x) }

// fit returns the line with the least squares of distance to the points.
func fit(xs, ys []float64) line {
	n := float64(len(xs))
	if n == 0 {
		return line{}
	}
	var sx, sy, sxx, sxy float64
	for i, x := range xs {
		sx, sy, sxx, sxy = sx+x, sy+ys[i], sxx+x*x, sxy+x*ys[i]
	}
	if n*sxx == sx*sx {
		return line{Fixed: sy / n}
	}
	slope := (n*sxy - sx*sy) / (n*sxx - sx*sx)
	return line{Fixed: (sy - slope*sx) / n, PerNode: slope}
}

// model says what one message costs in a cluster of any size: in Redis by the number of nodes, and on the
// nodes, all together, by the number of those that it does not come from.
type model struct {
	redis, bytes, nodes line
}

func modelOf(points []point, carrier, workload string) (model, bool) {
	var sizes, others, redis, bytes, nodes []float64
	for _, p := range points {
		if p.Carrier != carrier || p.Workload != workload || p.Failure != "" {
			continue
		}
		sizes, others = append(sizes, float64(p.Nodes)), append(others, float64(p.Nodes-1))
		redis, bytes, nodes = append(redis, p.RedisCPU), append(bytes, p.BytesOut), append(nodes, p.NodeCPU)
	}
	return model{redis: fit(sizes, redis), bytes: fit(sizes, bytes), nodes: fit(others, nodes)}, len(sizes) > 1
}

// core is the CPU time that one core has in a second, in microseconds.
const core = 1e6

// redisWall is the number of messages per second of the whole cluster at which Redis, which handles commands
// with one core, has no time left.
func (m model) redisWall(nodes float64) float64 { return core / m.redis.at(nodes) }

// foreignShare is the part of a core that a node spends on the messages of the others when the whole cluster
// sends so many per second.
func (m model) foreignShare(rate float64) float64 { return max(0, m.nodes.PerNode) * rate / core }
