package main

import (
	"math"

	"chorus/bench"
)

// What the tables tell of a report. A part that a report does not have counts as 0, and what cannot
// be told, because nothing arrived, as NaN.

func load(r *bench.Report) bench.LoadReport {
	if r.Load == nil {
		return bench.LoadReport{}
	}
	return *r.Load
}

func latency(r *bench.Report) bench.LatencyReport {
	if r.Latency == nil || load(r).Deliveries == 0 {
		none := math.NaN()
		return bench.LatencyReport{P50: none, P95: none, P99: none, P999: none, Max: none, SendP99: none}
	}
	return *r.Latency
}

func usage(r *bench.Report) bench.ServerReport {
	if r.Server == nil {
		return bench.ServerReport{}
	}
	return *r.Server
}

func pause(r *bench.Report) bench.PauseReport {
	if r.Pause == nil || r.Pause.Failure != "" {
		return bench.PauseReport{Connecting: math.NaN(), Load: math.NaN()}
	}
	return *r.Pause
}

func share(part, whole uint64) float64 {
	if whole == 0 {
		return 0
	}
	return 100 * float64(part) / float64(whole)
}

const (
	kilo = 1e3
	mega = 1e6
)

func cpuPerDelivery(r *bench.Report) float64 { return usage(r).CPUMicrosPerDelivery }
func cpuPerMessage(r *bench.Report) float64 {
	if load(r).Sent == 0 {
		return math.NaN()
	}
	return usage(r).CPUSeconds * mega / float64(load(r).Sent)
}
func cpuPerConnect(r *bench.Report) float64 { return usage(r).CPUMicrosPerConnect }
func messagesPerSecond(r *bench.Report) float64 {
	if load(r).Seconds == 0 {
		return 0
	}
	return float64(load(r).Sent) / load(r).Seconds
}
func cpuPerSecond(r *bench.Report) float64        { return kilo * usage(r).Cores } // in milliseconds
func deliveriesPerSecond(r *bench.Report) float64 { return load(r).DeliveriesPerSecond }
func bytesPerDelivery(r *bench.Report) float64    { return load(r).BytesPerDelivery }
func deliveredShare(r *bench.Report) float64      { return share(load(r).Deliveries, load(r).Expected) }
func sentShare(r *bench.Report) float64           { return share(load(r).Sent, load(r).Offered) }
func lostShare(r *bench.Report) float64           { return share(load(r).Lost, load(r).Expected) }
func generatorCores(r *bench.Report) float64      { return load(r).GeneratorCores }
func lost(r *bench.Report) float64                { return float64(load(r).Lost) }
func dropped(r *bench.Report) float64             { return float64(load(r).Dropped) }
func evicted(r *bench.Report) float64             { return float64(load(r).Evicted) }
func p50(r *bench.Report) float64                 { return latency(r).P50 }
func p99(r *bench.Report) float64                 { return latency(r).P99 }
func p999(r *bench.Report) float64                { return latency(r).P999 }
func sendP99(r *bench.Report) float64             { return latency(r).SendP99 }
func pauseConnecting(r *bench.Report) float64     { return pause(r).Connecting }
func pauseLoad(r *bench.Report) float64           { return pause(r).Load }
func failed(r *bench.Report) float64              { return float64(r.Connect.Failed) }
func connectsPerSecond(r *bench.Report) float64   { return r.Connect.PerSecond }
func megabytes(r *bench.Report) float64           { return float64(usage(r).RSSEnd) / mega }
func memoryGrowth(r *bench.Report) float64 {
	return float64(usage(r).RSSEnd-usage(r).RSSConnected) / mega
}
func kilobytesPerConnection(r *bench.Report) float64 { return usage(r).BytesPerConnection / kilo }
