package metrics

import (
	"chorus/api/hook"
	"chorus/api/webhook"
	"chorus/chat"
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchHook is about the authorise hook.
func (m *Metrics) WatchHook(h *hook.Hook) {
	m.gauge("chorus_hook_breaker_open", "1 while the authorise hook is not asked because it failed several times in a row.", func() float64 {
		if h.Stats().Open {
			return 1
		}
		return 0
	})
	m.gauge("chorus_hook_under_way", "Questions to the authorise hook that are under way.", func() float64 { return float64(h.Stats().UnderWay) })
	m.gauge("chorus_hook_waiting", "Questions to the authorise hook that wait until others are answered.", func() float64 { return float64(h.Stats().Waiting) })
	m.gauge("chorus_hook_verdicts", "Verdicts of the authorise hook that are remembered.", func() float64 { return float64(h.Stats().Remembered) })
}

// WatchHookQuestions returns what counts the questions to the authorise hook.
func (m *Metrics) WatchHookQuestions() func(chat.ActionKind, hook.Outcome, time.Duration) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "chorus_hook_seconds",
		Help:    "How long a client waited for a decision of the authorise hook, by action and outcome: allowed, refused, cached, failed, skipped (not asked after failures) or overloaded (not asked because too many wait).",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10},
	}, []string{"action", "outcome"})
	m.registry.MustRegister(seconds)
	return func(action chat.ActionKind, outcome hook.Outcome, took time.Duration) {
		seconds.WithLabelValues(string(action), string(outcome)).Observe(took.Seconds())
	}
}

// WatchDeliveries returns what counts the requests of webhooks.
func (m *Metrics) WatchDeliveries() func(target, outcome string, events int, took time.Duration) {
	seconds := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name: "chorus_webhook_seconds", Help: "How long requests to webhook targets took, by target and outcome: ok, failed, or gone (410).",
		Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 15, 60},
	}, []string{"target", "outcome"})
	delivered := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "chorus_webhook_events_total", Help: "Events that were sent to webhook targets, by target and outcome; one that is tried again counts again.",
	}, []string{"target", "outcome"})
	m.registry.MustRegister(seconds, delivered)
	return func(target, outcome string, events int, took time.Duration) {
		seconds.WithLabelValues(target, outcome).Observe(took.Seconds())
		delivered.WithLabelValues(target, outcome).Add(float64(events))
	}
}

// WatchWebhooks is about the queues of the webhooks.
func (m *Metrics) WatchWebhooks(stats *webhook.Stats, admins func() []webhook.Admin) {
	m.registry.MustRegister(&backlogs{admins})
	m.counter("chorus_webhook_queue_errors_total", "Operations that the queues of the webhooks did not do.", stats.QueueErrors.Load)
}

// backlogs are gauges of the queues, which all nodes of a cluster share.
type backlogs struct{ admins func() []webhook.Admin }

var (
	backlogDesc = prometheus.NewDesc("chorus_webhook_backlog", "Events that wait for a webhook target, in the whole cluster.", []string{"target"}, nil)
	deadDesc    = prometheus.NewDesc("chorus_webhook_dead", "Events of a webhook target that were given up.", []string{"target"}, nil)
	oldestDesc  = prometheus.NewDesc("chorus_webhook_oldest_seconds", "How long the oldest event has waited for a webhook target.", []string{"target"}, nil)
	droppedDesc = prometheus.NewDesc("chorus_webhook_dropped_total", "Events that were dropped because too many waited for a webhook target.", []string{"target"}, nil)
	offDesc     = prometheus.NewDesc("chorus_webhook_off", "1 while a webhook target gets nothing because it answered 410.", []string{"target"}, nil)
)

// Describe implements prometheus.Collector.
func (b *backlogs) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{backlogDesc, deadDesc, oldestDesc, droppedDesc, offDesc} {
		to <- d
	}
}

// backlogPatience is how long a scrape waits for Redis.
const backlogPatience = time.Second

// Collect implements prometheus.Collector.
func (b *backlogs) Collect(to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), backlogPatience)
	defer cancel()
	for _, admin := range b.admins() {
		s, err := admin.Status(ctx)
		if err != nil {
			continue // Redis is away, which other metrics say
		}
		oldest, off := 0.0, 0.0
		if s.Oldest != nil {
			oldest = max(0, time.Since(*s.Oldest).Seconds())
		}
		if s.Off != nil {
			off = 1
		}
		for desc, value := range map[*prometheus.Desc]float64{backlogDesc: float64(s.Backlog), deadDesc: float64(s.Dead), oldestDesc: oldest, offDesc: off} {
			to <- prometheus.MustNewConstMetric(desc, prometheus.GaugeValue, value, s.Name)
		}
		to <- prometheus.MustNewConstMetric(droppedDesc, prometheus.CounterValue, float64(s.Dropped), s.Name)
	}
}
