package node

import (
	"sync/atomic"

	"chorus/chat"

	"github.com/prometheus/client_golang/prometheus"
)

var refusedRequests = prometheus.NewDesc("chorus_chat_refused_total", "Requests of clients that were refused, by event and code.", []string{"event", "code"}, nil)

// refusals collects the refused requests of the chat product.
type refusals struct{ stats *chat.Stats }

// Describe implements prometheus.Collector.
func (r *refusals) Describe(descriptions chan<- *prometheus.Desc) { descriptions <- refusedRequests }

// Collect implements prometheus.Collector.
func (r *refusals) Collect(metrics chan<- prometheus.Metric) {
	r.stats.Refusals.Range(func(kind, counter any) bool {
		refused := kind.(chat.Refused)           //nolint:errcheck,forcetypeassert // the package stores nothing else
		count := counter.(*atomic.Uint64).Load() //nolint:errcheck,forcetypeassert // as above
		metrics <- prometheus.MustNewConstMetric(refusedRequests, prometheus.CounterValue, float64(count), refused.Event, refused.Code)
		return true
	})
}
