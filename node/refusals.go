package node

import (
	"sync/atomic"

	"chorus/chat"

	"github.com/prometheus/client_golang/prometheus"
)

var refusedRequests = prometheus.NewDesc("chorus_chat_refused_total", "Requests of clients that were refused, by event and code.", []string{"event", "code"}, nil)

var reachedLimits = prometheus.NewDesc("chorus_chat_limits_total", "Requests of clients that were refused because a bound of the store was reached, by bound.", []string{"limit"}, nil)

// refusals collects the refused requests of the chat product.
type refusals struct{ stats *chat.Stats }

// Describe implements prometheus.Collector.
func (r *refusals) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- refusedRequests
	descriptions <- reachedLimits
}

// Collect implements prometheus.Collector.
func (r *refusals) Collect(metrics chan<- prometheus.Metric) {
	r.stats.Refusals.Range(func(kind, counter any) bool {
		refused := kind.(chat.Refused)           //nolint:errcheck,forcetypeassert // the package stores nothing else
		count := counter.(*atomic.Uint64).Load() //nolint:errcheck,forcetypeassert // as above
		metrics <- prometheus.MustNewConstMetric(refusedRequests, prometheus.CounterValue, float64(count), refused.Event, refused.Code)
		return true
	})
	r.stats.Limits.Range(func(key, counter any) bool {
		limit := key.(string)                    //nolint:errcheck,forcetypeassert // the package stores nothing else
		count := counter.(*atomic.Uint64).Load() //nolint:errcheck,forcetypeassert // as above
		metrics <- prometheus.MustNewConstMetric(reachedLimits, prometheus.CounterValue, float64(count), limit)
		return true
	})
}
