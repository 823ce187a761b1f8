package metrics

import (
	"chorus/chat"
	"chorus/chat/memory"
	"chorus/chat/redis"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
)

// WatchChat is about the chat product.
func (m *Metrics) WatchChat(c *chat.Chat) {
	stats := c.Stats()
	m.counter("chorus_chat_unknown_events_total", "Events of clients that nobody handles.", stats.Unknown.Load)
	m.counter("chorus_chat_lost_total", "Rooms of which a message was missed and is not kept any more.", stats.Lost.Load)
	m.counter("chorus_chat_unnoticed_total", "Things that back ends are not told of by webhooks, because the queue did not take them.", stats.Unnoticed.Load)
	m.counter("chorus_chat_untold_total", "Users who came or went without on_join and on_leave, because the room is large.", stats.Untold.Load)
	m.gauge("chorus_chat_rooms", "Rooms and conversations in which clients of this node are.", func() float64 { return float64(c.Rooms()) })
	m.gauge("chorus_chat_declared_events", "Declared events.", func() float64 { return float64(c.Declared()) })
	m.registry.MustRegister(&refusals{stats: stats})
}

// WatchChatStore is about the state of the chat product in Redis.
func (m *Metrics) WatchChatStore(stats *redis.Stats) {
	for _, c := range []struct {
		name, help string
		value      func() uint64
	}{
		{"gaps", "Rooms of which messages were read again after the connection to Redis was lost.", stats.Gaps.Load},
		{"malformed", "Messages from Redis about the state of rooms that were not understood.", stats.Malformed.Load},
		{"signals_dropped", "Signals about typing that were dropped because too many waited.", stats.SignalsDropped.Load},
		{"overloaded", "Requests to Redis that were refused because too many waited.", stats.Overloaded.Load},
		{"errors", "Requests that Redis did not do.", stats.Errors.Load},
		{"disconnects", "Losses of the connection that listens.", stats.Disconnects.Load},
		{"cleaned", "Users who left their rooms because their node died.", stats.Cleaned.Load},
	} {
		m.counter("chorus_chat_store_"+c.name+"_total", c.help, c.value)
	}
}

// WatchChatMemory is about the state of the chat product in the memory of a node that is alone.
func (m *Metrics) WatchChatMemory(store *memory.Store) {
	for _, g := range []struct {
		name, help string
		value      func(memory.Stats) float64
	}{
		{"logs", "Rooms and conversations with a history, on a node without Redis.", func(s memory.Stats) float64 { return float64(s.Logs) }},
		{"messages", "Messages in them.", func(s memory.Stats) float64 { return float64(s.Messages) }},
		{"bytes", "Bytes that these take, about.", func(s memory.Stats) float64 { return float64(s.Bytes) }},
		{"ids", "Remembered ids of messages that are kept no more or never were.", func(s memory.Stats) float64 { return float64(s.IDs) }},
		{"markers", "Users with read markers.", func(s memory.Stats) float64 { return float64(s.Markers) }},
		{"waiting", "Changes that wait to be told.", func(s memory.Stats) float64 { return float64(s.Waiting) }},
	} {
		m.gauge("chorus_chat_memory_"+g.name, g.help, func() float64 { return g.value(store.Stats()) })
	}
}

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
