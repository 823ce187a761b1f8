package metrics

import (
	"strconv"
	"sync/atomic"

	"chorus/api"
	"chorus/api/rest"

	"github.com/prometheus/client_golang/prometheus"
)

var (
	apiFeeds    = prometheus.NewDesc("chorus_api_feeds", "Readers of the events of the HTTP API on this node.", nil, nil)
	apiDropped  = prometheus.NewDesc("chorus_api_feed_dropped_total", "Events for readers of the HTTP API that this node did not write.", nil, nil)
	apiRequests = prometheus.NewDesc("chorus_api_requests_total", "Requests of the HTTP API, by operation and status.", []string{"operation", "status"}, nil)
	apiRefusals = prometheus.NewDesc("chorus_api_refused_total", "Requests of the HTTP API that were refused, by code.", []string{"code"}, nil)
)

// WatchAPI is about the HTTP API.
func (m *Metrics) WatchAPI(a *api.API) { m.registry.MustRegister(&apiCounts{a.Stats(), a}) }

// apiCounts collects the requests of the HTTP API.
type apiCounts struct {
	stats *rest.Stats
	api   *api.API
}

// Describe implements prometheus.Collector.
func (c *apiCounts) Describe(descriptions chan<- *prometheus.Desc) {
	descriptions <- apiRequests
	descriptions <- apiRefusals
	descriptions <- apiFeeds
	descriptions <- apiDropped
}

// Collect implements prometheus.Collector.
func (c *apiCounts) Collect(metrics chan<- prometheus.Metric) {
	readers, dropped := c.api.Feeds()
	metrics <- prometheus.MustNewConstMetric(apiFeeds, prometheus.GaugeValue, float64(readers))
	metrics <- prometheus.MustNewConstMetric(apiDropped, prometheus.CounterValue, float64(dropped))
	c.stats.Requests.Range(func(kind, counter any) bool {
		counted := kind.(rest.Counted)           //nolint:errcheck,forcetypeassert // the package stores nothing else
		count := counter.(*atomic.Uint64).Load() //nolint:errcheck,forcetypeassert // as above
		metrics <- prometheus.MustNewConstMetric(apiRequests, prometheus.CounterValue, float64(count), counted.Operation, strconv.Itoa(counted.Status))
		return true
	})
	c.stats.Refusals.Range(func(code, counter any) bool {
		text := code.(string)                    //nolint:errcheck,forcetypeassert // as above
		count := counter.(*atomic.Uint64).Load() //nolint:errcheck,forcetypeassert // as above
		metrics <- prometheus.MustNewConstMetric(apiRefusals, prometheus.CounterValue, float64(count), text)
		return true
	})
}
