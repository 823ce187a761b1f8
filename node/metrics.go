package node

import (
	"net/http"

	"chorus/adapter"
	"chorus/engine"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the figures of one node, at /metrics of the admin address.
type metrics struct {
	registry *prometheus.Registry
	auth     *prometheus.CounterVec
}

func newMetrics() *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		auth: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chorus_authentications_total",
			Help: "Attempts to authenticate by outcome: ok, or the code of the refusal.",
		}, []string{"outcome"}),
	}
	m.registry.MustRegister(m.auth, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// observeAuth counts an attempt to authenticate.
func (m *metrics) observeAuth(outcome string) { m.auth.WithLabelValues(outcome).Inc() }

func (m *metrics) watchEngine(e *engine.Server) {
	m.gauge("chorus_connections", "Open connections.", func() float64 { return float64(e.ClientsCount()) })
	m.gauge("chorus_write_pending_bytes", "Messages that wait to be written, each counted once.", func() float64 { return float64(e.Buffered()) })
	stats := e.Stats()
	m.counter("chorus_slow_consumers_total", "Connections closed because too much waited for them.", stats.SlowConsumers.Load)
	m.counter("chorus_volatile_dropped_total", "Volatile messages dropped for clients that were behind.", stats.VolatileDropped.Load)
	m.counter("chorus_replaced_total", "Messages that gave way to a newer one of their name, for clients that were behind.", stats.Replaced.Load)
	m.counter("chorus_connections_refused_total", "Connections refused because there were too many.", stats.Refused.Load)
}

func (m *metrics) watchAdapter(a *adapter.Redis) {
	stats := a.Stats()
	m.gauge("chorus_redis_up", "1 while this node is connected to Redis and subscribed.", func() float64 {
		if a.Health() != nil {
			return 0
		}
		return 1
	})
	m.gauge("chorus_redis_pending", "Messages that wait to be published.", func() float64 { return float64(stats.Pending.Load()) })
	for _, c := range []struct {
		name, help string
		value      func() uint64
	}{
		{"published", "Messages that Redis has accepted.", stats.Published.Load},
		{"publish_errors", "Messages that Redis has not accepted.", stats.PublishErrors.Load},
		{"dropped", "Messages dropped because too many waited.", stats.Dropped.Load},
		{"received", "Messages received from Redis, own ones included.", stats.Received.Load},
		{"skipped", "Broadcasts for rooms without a member here.", stats.Skipped.Load},
		{"malformed", "Messages from Redis that were not understood.", stats.Malformed.Load},
		{"events_dropped", "Server-side events dropped because handlers did not keep up.", stats.EventsDropped.Load},
		{"disconnects", "Losses of the subscribing connection.", stats.Disconnects.Load},
	} {
		m.counter("chorus_redis_"+c.name+"_total", c.help, c.value)
	}
}

func (m *metrics) counter(name, help string, value func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
}

func (m *metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// adminRoutes returns the endpoints for operators.
func (n *Node) adminRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /healthz", n.serveHealthz)
	mux.HandleFunc("GET /readyz", n.serveReadyz)
	mux.Handle("GET /metrics", promhttp.HandlerFor(n.metrics.registry, promhttp.HandlerOpts{}))
	return mux
}
