// Package metrics has the figures of a node: each part counts in its own Stats, and one row here makes a metric of it.
package metrics

import (
	"chorus/auth/revocation"
	"math"
	"net/http"

	hub "chorus/adapter/redis"
	"chorus/adapter/session"
	"chorus/auth"
	authlimit "chorus/auth/limit"
	"chorus/engine"
	"chorus/node/cluster"
	"chorus/node/forward"
	"chorus/node/limit"
	"chorus/node/listener"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// Metrics are the figures of one node, at /metrics of the admin address.
type Metrics struct {
	registry  *prometheus.Registry
	auth      *prometheus.CounterVec
	refreshes *prometheus.CounterVec
	ends      *prometheus.CounterVec
	refused   *prometheus.CounterVec
	moved     prometheus.Counter
	recovered *prometheus.CounterVec // nil without connection state recovery
}

// New returns the figures of a node: so far those of the process.
func New() *Metrics {
	m := &Metrics{
		registry: prometheus.NewRegistry(),
		auth: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chorus_authentications_total",
			Help: "Attempts to authenticate by outcome: ok, or the code of the refusal.",
		}, []string{"outcome"}),
		refreshes: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chorus_token_refreshes_total",
			Help: "Tokens that clients have replaced while connected, by outcome: ok, or the code of the refusal.",
		}, []string{"outcome"}),
		ends: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chorus_token_disconnects_total",
			Help: "Sockets that were disconnected because of their token, by code.",
		}, []string{"code"}),
		refused: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "chorus_handshakes_refused_total",
			Help: "Handshakes and requests that were refused, by code.",
		}, []string{"code"}),
	}
	m.moved = prometheus.NewCounter(prometheus.CounterOpts{
		Name: "chorus_drain_moved_total",
		Help: "Clients that were told to connect to another node, because this one or the one on their way ends.",
	})
	m.registry.MustRegister(m.moved, m.auth, m.refreshes, m.ends, m.refused, newGoroutines(), collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	return m
}

// ObserveAuth counts an attempt to authenticate.
func (m *Metrics) ObserveAuth(outcome string) { m.auth.WithLabelValues(outcome).Inc() }

// ObserveRefusal counts a refused handshake.
func (m *Metrics) ObserveRefusal(code string) { m.refused.WithLabelValues(code).Inc() }

// ObserveRefresh counts an attempt to replace a token.
func (m *Metrics) ObserveRefresh(outcome string) { m.refreshes.WithLabelValues(outcome).Inc() }

// WatchRecovery is about clients that want their sessions back.
func (m *Metrics) WatchRecovery() {
	m.recovered = prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "chorus_recoveries_total",
		Help: "Clients that came back for their session, by outcome: recovered, or why not.",
	}, []string{"outcome"})
	m.registry.MustRegister(m.recovered)
	for _, outcome := range session.Outcomes() {
		m.recovered.WithLabelValues(outcome)
	}
}

// ObserveRecovery counts a client that wants its session back.
func (m *Metrics) ObserveRecovery(outcome string) { m.recovered.WithLabelValues(outcome).Inc() }

// WatchSessions is about the sessions that clients may resume.
func (m *Metrics) WatchSessions(sessions *session.Keeper) {
	for _, g := range []struct {
		name, help string
		value      func(session.Stats) int
	}{
		{"sessions", "Clients here that would get their session back.", func(s session.Stats) int { return s.Sessions }},
		{"sessions_away", "Sessions without a client in the memory of this node; with Redis those that wait for it.", func(s session.Stats) int { return s.Away }},
		{"history_messages", "Messages remembered for clients that return.", func(s session.Stats) int { return s.Messages }},
		{"history_bytes", "Bytes that these take, about.", func(s session.Stats) int { return s.Bytes }},
	} {
		m.gauge("chorus_recovery_"+g.name, g.help, func() float64 { return float64(g.value(sessions.Stats())) })
	}
	m.counter("chorus_recovery_sessions_dropped_total", "Sessions without a client that ended before their time, because there were too many.", func() uint64 { return sessions.Stats().Dropped })
}

// ObserveEnd counts a socket that was disconnected because of its token.
func (m *Metrics) ObserveEnd(code string) { m.ends.WithLabelValues(code).Inc() }

// WatchAuthentication is about tokens and revocations; store and limit are nil when there are none.
func (m *Metrics) WatchAuthentication(verifier *auth.Verifier, revocations *revocation.Set, store *revocation.Redis, limit *authlimit.Connections) {
	m.gauge("chorus_revocations", "Revocations in force.", func() float64 { return float64(revocations.Len()) })
	m.gauge("chorus_token_cache_entries", "Tokens whose signature need not be checked again.", func() float64 { return float64(verifier.Stats().CacheEntries) })
	m.counter("chorus_token_cache_hits_total", "Tokens whose signature was not checked again.", func() uint64 { return verifier.Stats().CacheHits })
	m.counter("chorus_token_cache_misses_total", "Tokens that were not in the cache, bad ones included.", func() uint64 { return verifier.Stats().CacheMisses })
	if store != nil {
		stats := store.Stats()
		m.counter("chorus_revocation_messages_total", "Messages about revocations received from Redis, own ones included.", stats.Received.Load)
		m.counter("chorus_revocation_malformed_total", "Those that were not understood.", stats.Malformed.Load)
		m.counter("chorus_revocation_loads_total", "Times that all revocations were read from Redis.", stats.Loads.Load)
		m.counter("chorus_revocation_written_back_total", "Revocations that Redis had lost and this node has put back.", stats.WrittenBack.Load)
	}
	if limit != nil {
		m.watchLimit(limit)
	}
}

// WatchJWKS is about the keys of an issuer.
func (m *Metrics) WatchJWKS(v *auth.Verifier) {
	m.gauge("chorus_jwks_age_seconds", "Time since the keys of auth.jwks_url were last loaded; NaN before the first time.", func() float64 {
		age, ok := v.JWKSAge()
		if !ok {
			return math.NaN()
		}
		return age.Seconds()
	})
	m.gauge("chorus_jwks_keys", "Keys of auth.jwks_url in force.", func() float64 { return float64(v.Stats().JWKSKeys) })
	m.counter("chorus_jwks_loads_total", "Times that auth.jwks_url was loaded.", func() uint64 { return v.Stats().JWKSReads })
	m.counter("chorus_jwks_failures_total", "Times that it could not be loaded.", func() uint64 { return v.Stats().JWKSFailures })
}

// watchLimit is about the connections of one subject.
func (m *Metrics) watchLimit(l *authlimit.Connections) {
	stats := l.Stats()
	m.counter("chorus_subject_connections_refused_total", "Connections refused because their subject had too many.", stats.Refused.Load)
	m.counter("chorus_subject_connections_replaced_total", "Connections closed for newer ones of their subject.", stats.Replaced.Load)
	m.counter("chorus_subject_limit_errors_total", "Times that Redis did not answer, and this node counted by itself.", stats.Errors.Load)
}

// WatchEngine is about connections.
func (m *Metrics) WatchEngine(e *engine.Server) {
	m.gauge("chorus_connections", "Open connections.", func() float64 { return float64(e.ClientsCount()) })
	m.gauge("chorus_connections_joining", "Open connections that are in no namespace.", func() float64 { return float64(e.OutsideSessions()) })
	m.gauge("chorus_sockets", "Sockets: connections to a namespace.", func() float64 { return float64(e.Sockets()) })
	m.gauge("chorus_packet_pending_bytes", "Bytes of packets of clients that have not come as a whole.", func() float64 { return float64(e.PendingBytes()) })
	m.gauge("chorus_write_pending_bytes", "Messages that wait to be written, each counted once.", func() float64 { return float64(e.Buffered()) })
	stats := e.Stats()
	m.counter("chorus_messages_received_total", "Messages from clients.", stats.Received.Load)
	m.counter("chorus_messages_sent_total", "Messages to clients; one for a hundred clients counts a hundred times.", stats.Sent.Load)
	m.counter("chorus_slow_consumers_total", "Connections closed because too much waited for them.", stats.SlowConsumers.Load)
	m.counter("chorus_volatile_dropped_total", "Volatile messages dropped for clients that were behind.", stats.VolatileDropped.Load)
	m.counter("chorus_replaced_total", "Messages that gave way to a newer one of their name, for clients that were behind.", stats.Replaced.Load)
	m.counter("chorus_connections_refused_total", "Connections refused because there were too many.", stats.Refused.Load)
}

// WatchRooms is about the rooms of all namespaces.
func (m *Metrics) WatchRooms(c *Rooms) {
	m.gauge("chorus_rooms", "Rooms with a member on this node, in all namespaces. The room of a socket's own id does not count.", func() float64 { return float64(c.total().Rooms) })
	m.gauge("chorus_room_members", "Members of these rooms on this node. A socket in three rooms counts three times.", func() float64 { return float64(c.total().Members) })
}

// WatchTCP is about the TCP connections of the public address.
func (m *Metrics) WatchTCP(l *listener.TCP) {
	m.gauge("chorus_tcp_connections", "Open TCP connections of the public address.", func() float64 { return float64(l.Count()) })
	m.counter("chorus_tcp_evicted_total", "TCP connections closed for newer ones because they served nobody.", l.Evicted.Load)
	m.counter("chorus_proxy_header_refused_total", "TCP connections refused because of their PROXY header.", l.Strangers.Load)
	m.counter("chorus_tcp_refused_total", "TCP connections refused because too many were open.", l.Refused.Load)
}

// WatchLimits is about what clients asked for too fast.
func (m *Metrics) WatchLimits(l *limit.Bounds) {
	m.counter("chorus_limited_events_total", "Events refused because their connection sent too many.", l.Stats.Events.Load)
	m.counter("chorus_limited_subject_events_total", "Events refused because their user sent too many, over all connections.", l.Stats.Subjects.Load)
	m.counter("chorus_limited_bytes_total", "Times that a connection was not read for a moment because it sent too much.", l.Stats.Bytes.Load)
	m.counter("chorus_limited_handshakes_total", "Handshakes refused because their address had too many.", l.Stats.Handshakes.Load)
	m.counter("chorus_limited_auth_total", "Answers about bad tokens that were delayed because their address had too many.", l.Stats.FailedAuths.Load)
	m.counter("chorus_limit_disconnects_total", "Connections closed because they went on sending events that were refused.", l.Stats.Disconnected.Load)
	m.counter("chorus_limit_errors_total", "Times that Redis did not answer about the events of a user, and this node counted by itself.", l.Stats.RedisErrors.Load)
	m.gauge("chorus_limit_addresses", "Addresses whose handshakes are counted.", func() float64 { return float64(l.Addresses()) })
}

// WatchForward is about requests that are passed on to other nodes.
func (m *Metrics) WatchForward(stats *forward.Stats) {
	m.gauge("chorus_forwarded_open", "Requests and WebSockets that this node passes on to other nodes at the moment.", func() float64 { return float64(stats.Open.Load()) })
	m.counter("chorus_forwarded_requests_total", "Requests of long-polling that were passed on to other nodes.", stats.Requests.Load)
	m.counter("chorus_forwarded_websockets_total", "WebSockets that were passed on to other nodes.", stats.Sockets.Load)
	m.counter("chorus_forward_failures_total", "Requests that could not be passed on: the node that owns the session was not reached.", stats.Failed.Load)
	m.counter("chorus_forward_refused_total", "Requests that were not passed on because of cluster.max_forwarded.", stats.Refused.Load)
	m.counter("chorus_forward_links_total", "Connections of other nodes that this node took.", stats.Taken.Load)
	m.counter("chorus_forward_strangers_total", "Attempts to pass for another node of the cluster.", stats.Strange.Load)
}

// WatchAdapter is about messages between nodes.
func (m *Metrics) WatchAdapter(l *cluster.Link, sessions *session.Keeper) {
	m.gauge("chorus_redis_up", "1 while this node is connected to Redis, subscribed, and hears what it publishes to itself.", func() float64 {
		if l.Adapter.Health() != nil {
			return 0
		}
		return 1
	})
	for _, g := range []struct {
		name, help string
		value      func(hub.Stats) float64
	}{
		{"unhandled", "Messages from Redis that wait for this node.", func(s hub.Stats) float64 { return float64(s.Unhandled) }},
		{"pending", "Messages that wait to be published.", func(s hub.Stats) float64 { return float64(s.Pending) }},
		{"oldest_pending_seconds", "How long the oldest of these has waited.", func(s hub.Stats) float64 { return s.OldestPending.Seconds() }},
		{"probe_seconds", "How long the last message of this node to itself took by way of Redis; with streams it is written and read.", func(s hub.Stats) float64 { return s.ProbeTime.Seconds() }},
		{"held", "Senders that are held back until the messages that wait to be published have room for theirs.", func(s hub.Stats) float64 { return float64(s.Deferred) }},
	} {
		m.gauge("chorus_redis_"+g.name, g.help, func() float64 { return g.value(l.Transport.Stats()) })
	}
	for _, c := range []struct {
		name, help string
		value      func(hub.Stats) uint64
	}{
		{"probe_failures", "Such messages that Redis refused, or that did not come back in time.", func(s hub.Stats) uint64 { return s.ProbeFailures }},
		{"published", "Messages that Redis has accepted.", func(s hub.Stats) uint64 { return s.Published }},
		{"publish_errors", "Messages that Redis has not accepted.", func(s hub.Stats) uint64 { return s.PublishErrors }},
		{"dropped", "Messages dropped because too many waited.", func(s hub.Stats) uint64 { return s.Dropped }},
		{"received", "Messages received from Redis, own ones included.", func(s hub.Stats) uint64 { return s.Received }},
		{"skipped", "Broadcasts for rooms without a member here.", func(hub.Stats) uint64 { return l.Adapter.Stats().Skipped }},
		{"malformed", "Messages from Redis that were not understood.", func(s hub.Stats) uint64 { return s.Malformed }},
		{"events_dropped", "Server-side events dropped because handlers did not keep up.", func(hub.Stats) uint64 { return l.Adapter.Stats().EventsDropped }},
		{"missed", "Messages from Redis dropped because too many waited for this node.", func(s hub.Stats) uint64 { return s.Missed }},
		{"gaps", "Times that messages from Redis were missed: dropped, lost with a connection, or cut off a stream before they were read.", func(s hub.Stats) uint64 { return s.Gaps }},
		{"disconnects", "Losses of a connection that listens.", func(s hub.Stats) uint64 { return s.Disconnects }},
		{"sessions_unkept", "Times that the session of a client was not kept: too large, or refused by Redis.", func(hub.Stats) uint64 { return sessions.Stats().Unkept }},
	} {
		m.counter("chorus_redis_"+c.name+"_total", c.help, func() uint64 { return c.value(l.Transport.Stats()) })
	}
}

// ObserveMoved counts a client that was told to connect to another node.
func (m *Metrics) ObserveMoved() { m.moved.Inc() }

func (m *Metrics) counter(name, help string, value func() uint64) {
	m.registry.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{Name: name, Help: help}, func() float64 { return float64(value()) }))
}

func (m *Metrics) gauge(name, help string, value func() float64) {
	m.registry.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, value))
}

// Handler serves the figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{})
}
