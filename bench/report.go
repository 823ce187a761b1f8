package bench

import "time"

// Report is what Run measured. Times and sizes have their unit in their name.
type Report struct {
	Protocol Protocol       `json:"protocol"`
	Connect  ConnectReport  `json:"connect"`
	Load     *LoadReport    `json:"load,omitempty"`   // nil without senders
	Server   *ServerReport  `json:"server,omitempty"` // nil without PIDs
	Latency  *LatencyReport `json:"latency,omitempty"`
	Pause    *PauseReport   `json:"pause,omitempty"` // nil without PingRate
}

// ConnectReport is about the connecting of all clients, up to the moment they are members.
type ConnectReport struct {
	Connected int     `json:"connected"`
	Failed    int     `json:"failed"`
	Failure   string  `json:"failure,omitempty"` // why the first of the failed could not
	Seconds   float64 `json:"seconds"`
	PerSecond float64 `json:"per_second"`
}

// LoadReport is about the messages that were due in the measured window. In echo mode a delivery is
// a round trip.
type LoadReport struct {
	Echo       bool    `json:"echo"`
	Seconds    float64 `json:"seconds"`
	Offered    uint64  `json:"offered"`    // messages that were due
	Sent       uint64  `json:"sent"`       // less where the server did not read
	Expected   uint64  `json:"expected"`   // deliveries of what was sent
	Deliveries uint64  `json:"deliveries"` // however late
	Lost       uint64  `json:"lost"`       // expected and not delivered by the end of the drain timeout

	DeliveriesPerSecond float64 `json:"deliveries_per_second"` // arrived within the window

	BytesPerDelivery float64 `json:"bytes_per_delivery"` // received on all connections within the window, frames included

	OutOfOrder uint64 `json:"out_of_order"`          // deliveries behind a later one of their sender
	Dropped    int    `json:"dropped"`               // connections that the server closed, from connecting on
	DropReason string `json:"drop_reason,omitempty"` // of the first
	Evicted    int    `json:"evicted"`               // stalled clients that the server closed

	// GeneratorCores is what the process of this generator used, 0 where that cannot be told. At
	// about 1 for each of Options.Readers, the generator is what is measured.
	GeneratorCores float64 `json:"generator_cores"`
}

// LatencyReport has quantiles in milliseconds, from the moment a message was due to its arrival.
type LatencyReport struct {
	P50  float64 `json:"p50_ms"`
	P95  float64 `json:"p95_ms"`
	P99  float64 `json:"p99_ms"`
	P999 float64 `json:"p999_ms"`
	Max  float64 `json:"max_ms"`

	// SendP99 is how late messages left this generator, which is part of all the above.
	SendP99 float64 `json:"send_p99_ms"`
}

// PauseReport has the longest times, in milliseconds, in which the first server did not answer a
// WebSocket ping.
type PauseReport struct {
	Connecting float64 `json:"connecting_ms"` // from the first connect to the end of WarmUp
	Load       float64 `json:"load_ms"`       // in the window
	Failure    string  `json:"failure,omitempty"`
}

// ServerReport is what the server's processes used.
type ServerReport struct {
	CPUMicrosPerConnect  float64 `json:"cpu_us_per_connect"`
	CPUMicrosPerDelivery float64 `json:"cpu_us_per_delivery,omitempty"`
	CPUSeconds           float64 `json:"cpu_seconds"` // in the window
	Cores                float64 `json:"cores"`       // in the window

	RSSBefore          int64   `json:"rss_before_bytes"` // before the first client connected
	RSSConnected       int64   `json:"rss_connected_bytes"`
	RSSEnd             int64   `json:"rss_end_bytes"` // at the end of the window
	BytesPerConnection float64 `json:"bytes_per_connection"`
}

// measurement is what a run has gathered for its report.
type measurement struct {
	fleet             *fleet
	load              *load
	window            *window
	connectTook       time.Duration
	before, connected Usage
	from, until       Usage         // at the ends of the window
	own               time.Duration // CPU time of this process between them
}

func (m *measurement) report(o *Options) *Report {
	f := m.fleet
	r := &Report{Protocol: o.Protocol, Connect: ConnectReport{
		Connected: len(f.conns), Failed: f.failed,
		Seconds: m.connectTook.Seconds(), PerSecond: per(float64(len(f.conns)), m.connectTook.Seconds()),
	}}
	if f.failure != nil {
		r.Connect.Failure = f.failure.Error()
	}
	var inWindow uint64
	if o.Senders > 0 {
		var latency histogram
		for _, receiver := range f.receivers {
			latency.add(&receiver.latency)
			inWindow += receiver.inWindow
		}
		r.Load = m.loadReport(o, &latency, inWindow)
		r.Latency = latencyReport(&latency, &m.load.late)
	}
	if len(o.PIDs) > 0 {
		r.Server = m.serverReport(o, inWindow)
	}
	return r
}

func (m *measurement) loadReport(o *Options, latency *histogram, inWindow uint64) *LoadReport {
	l := &LoadReport{
		Echo: o.Echo, Seconds: o.Duration.Seconds(),
		Offered: m.load.offered, Sent: m.load.sent, Expected: m.load.expected,
		Deliveries: latency.total, Lost: m.load.expected - min(latency.total, m.load.expected),
		DeliveriesPerSecond: per(float64(inWindow), o.Duration.Seconds()),
		Dropped:             m.fleet.dropped(), Evicted: m.fleet.evicted(),
		GeneratorCores: per(m.own.Seconds(), o.Duration.Seconds()),
	}
	received := uint64(0)
	for _, receiver := range m.fleet.receivers {
		received += receiver.bytes
		l.OutOfOrder += receiver.outOfOrder
		if l.DropReason == "" && receiver.reason != nil {
			l.DropReason = receiver.reason.Error()
		}
	}
	l.BytesPerDelivery = per(float64(received), float64(inWindow))
	return l
}

func latencyReport(latency, late *histogram) *LatencyReport {
	at := func(q float64) float64 { return milliseconds(latency.quantile(q)) }
	return &LatencyReport{
		P50: at(0.5), P95: at(0.95), P99: at(0.99), P999: at(0.999),
		Max: milliseconds(time.Duration(latency.most)), SendP99: milliseconds(late.quantile(0.99)),
	}
}

func (m *measurement) serverReport(o *Options, inWindow uint64) *ServerReport {
	connections := float64(len(m.fleet.conns))
	cpu := m.until.CPU - m.from.CPU
	return &ServerReport{
		CPUMicrosPerConnect:  per(microseconds(m.connected.CPU-m.before.CPU), connections),
		CPUMicrosPerDelivery: per(microseconds(cpu), float64(inWindow)),
		CPUSeconds:           cpu.Seconds(),
		Cores:                per(cpu.Seconds(), o.Duration.Seconds()),
		RSSBefore:            m.before.RSS,
		RSSConnected:         m.connected.RSS,
		RSSEnd:               m.until.RSS,
		BytesPerConnection:   per(float64(m.until.RSS-m.before.RSS), connections),
	}
}

// per is a quotient that JSON can hold: nothing of something is 0.
func per(a, b float64) float64 {
	if b == 0 {
		return 0
	}
	return a / b
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

func microseconds(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
