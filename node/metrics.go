package node

import (
	"net/http"

	"chorus/adapter"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/zishang520/socket.io/servers/engine/v3"
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

func (m *metrics) watchConnections(e engine.BaseServer) {
	m.gauge("chorus_connections", "Open connections.", func() float64 { return float64(e.ClientsCount()) })
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
		m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
			Name: "chorus_redis_" + c.name + "_total", Help: c.help,
		}, func() float64 { return float64(c.value()) }))
	}
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
