package main

import "sort"

// model says what one message costs in a cluster of any size.
type model struct {
	redis, bytes line    // by the number of nodes
	foreign      float64 // CPU time of each node that it does not come from, in microseconds
}

func modelOf(points []point, carrier, workload string) (model, bool) {
	var sizes, redis, bytes, foreign []float64
	for _, p := range points {
		if p.Carrier != carrier || p.Workload != workload || p.Failure != "" {
			continue
		}
		sizes, redis, bytes = append(sizes, float64(p.Nodes)), append(redis, p.RedisCPU), append(bytes, p.BytesOut)
		if p.Nodes > 1 {
			foreign = append(foreign, p.ForeignCPU)
		}
	}
	if len(foreign) == 0 {
		return model{}, false
	}
	m := model{redis: fit(sizes, redis), bytes: fit(sizes, bytes), foreign: max(0, median(foreign))}
	if m.bytes.Each < 1 { // no copy more goes out with a node more: what the line rises is noise
		m.redis = line{Fixed: median(redis)}
	}
	return m, true
}

// core is the CPU time that one core has in a second, in microseconds.
const core = 1e6

// rateOf is how many messages a second a cluster of so many nodes is taken to send.
func rateOf(nodes float64) float64 { return modelRate * nodes }

// modelRate is how many messages a second each node of a calculated cluster sends.
const modelRate = 100

// redisCores is how many cores Redis needs.
func (m model) redisCores(nodes float64) float64 { return rateOf(nodes) * m.redis.at(nodes) / core }

// nodeCores is the part of a core that each node spends on the messages of the others.
func (m model) nodeCores(nodes float64) float64 {
	return rateOf(nodes) * (nodes - 1) / nodes * m.foreign / core
}

// megabytes is how much leaves Redis in a second.
func (m model) megabytes(nodes float64) float64 { return rateOf(nodes) * m.bytes.at(nodes) / mega }

// mostNodes bounds the search for a wall.
const mostNodes = 1_000_000

// wall is the largest cluster in which need, which grows with it, takes at most a core.
func wall(need func(nodes float64) float64) int {
	return sort.Search(mostNodes, func(n int) bool { return need(float64(n+1)) > 1 })
}
