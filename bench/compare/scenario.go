package main

import (
	"strings"
	"time"

	"chorus/bench"
)

// scenario is one load, and what of its reports is told.
type scenario struct {
	name, title, text string
	servers           []string // that it makes sense for
	nodes             int      // instead of the server's own number; 0 for that
	rounds            int      // at most
	options           bench.Options
	variants          []variant // instead of one row per server, one for each of these
	figures           []figure
	growth            *growth       // how the figures grow, when the variants have sizes; nil for none
	special           special       // instead of the load generator
	takes             time.Duration // of one run of special
}

// variant is the same load with a difference.
type variant struct {
	title  string
	size   float64 // for the growth
	change func(*bench.Options)
}

// figure is a column of a table.
type figure struct {
	title  string
	unit   string
	digits int
	ratio  bool // compared with chorus's
	of     func(*bench.Report) float64
}

const (
	manyClients = 1000
	twentyK     = 20_000
)

var (
	everybody = []string{floorName, chorusName, centrifugeName, centrifugoName, nodeName, bunName, stockName}
	products  = []string{chorusName, centrifugeName, centrifugoName, nodeName, bunName, stockName}
	fast      = []string{chorusName, centrifugeName, centrifugoName, nodeName, bunName} // that can do more than the simplest loads
	withFloor = []string{floorName, chorusName, centrifugeName, centrifugoName, nodeName, bunName}
	echoing   = []string{chorusName, centrifugeName, nodeName, bunName} // Centrifugo answers requests through a back end only
)

func scenarioNames() string {
	all := scenarios()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

func scenarios() []scenario { return scenariosWithin(descriptorLimit()) }

// scenariosWithin returns the scenarios where a process may have so many descriptors.
func scenariosWithin(limit uint64) []scenario {
	return []scenario{
		{
			name: "reach", title: "Does everybody hear everybody?",
			text:    "Two nodes, 20 clients spread over them, 2 of which send: which share of the deliveries arrives.",
			servers: products, nodes: 2, rounds: 1,
			options: bench.Options{Connections: 20, Senders: 2, Rate: 20, WarmUp: time.Second, Duration: 2 * time.Second, DrainTimeout: 2 * time.Second},
			figures: []figure{{title: "delivered", unit: "%", digits: 0, of: deliveredShare}},
		},
		{
			name: "cost", title: "What a delivery costs",
			text:    "1,000 clients, 20 broadcasts a second of 100 bytes: CPU time of the server's processes, system and user, per delivered message.",
			servers: everybody,
			options: bench.Options{Connections: manyClients, Senders: 20, Rate: 20, WarmUp: 3 * time.Second, Duration: 10 * time.Second},
			figures: []figure{
				{title: "CPU per delivery", unit: "us", digits: 2, ratio: true, of: cpuPerDelivery},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99},
				{title: "lost", digits: 0, of: lost},
			},
		},
		{
			name: "saturation", title: "How much gets through",
			text:    "1,000 clients and 1,000 broadcasts a second offered, which would be 1,000,000 deliveries a second: what arrives in the time, what is lost (not there 5 s after the end), and how many connections the server closes.",
			servers: withFloor,
			options: bench.Options{Connections: manyClients, Senders: 20, Rate: 1000, WarmUp: 2 * time.Second, Duration: 6 * time.Second, DrainTimeout: 5 * time.Second},
			figures: []figure{
				{title: "deliveries", unit: "/s", digits: 0, ratio: true, of: deliveriesPerSecond},
				{title: "sent", unit: "%", digits: 0, of: sentShare}, {title: "lost", unit: "%", digits: 1, of: lostShare},
				{title: "connections dropped", digits: 0, of: dropped},
				{title: "CPU per delivery", unit: "us", digits: 2, of: cpuPerDelivery},
				{title: "p99", unit: "ms", digits: 0, of: p99},
				{title: "generator", unit: "cores", digits: 2, of: generatorCores},
			},
		},
		{
			name: "ceiling", title: "How much is carried before anything is lost",
			text:    "1,000 clients; the rate of broadcasts is raised by half until a message is lost, a connection is closed, or less than 99 % arrives in time: the last rate before. At about one core the generator itself is the limit.",
			servers: withFloor, rounds: 2,
			options: bench.Options{Connections: manyClients, Senders: 20, Rate: 40, WarmUp: time.Second, Duration: 3 * time.Second, DrainTimeout: 3 * time.Second},
			special: ceiling, takes: 40 * time.Second, // half a dozen rates
			figures: []figure{
				{title: "deliveries", unit: "/s", digits: 0, ratio: true, of: deliveriesPerSecond},
				{title: "CPU per delivery", unit: "us", digits: 2, of: cpuPerDelivery},
				{title: "p99", unit: "ms", digits: 1, of: p99}, {title: "generator", unit: "cores", digits: 2, of: generatorCores},
			},
		},
		{
			name: "latency", title: "How fast under load",
			text:    "1,000 clients, 400 broadcasts a second: from the moment a message is due to its arrival at each client, which includes what the generator itself is late by.",
			servers: fast,
			options: bench.Options{Connections: manyClients, Senders: 20, Rate: 400, WarmUp: 2 * time.Second, Duration: 6 * time.Second, DrainTimeout: 5 * time.Second},
			figures: []figure{
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, ratio: true, of: p99},
				{title: "p99.9", unit: "ms", digits: 2, of: p999}, {title: "generator late by p99", unit: "ms", digits: 2, of: sendP99},
				{title: "deliveries", unit: "/s", digits: 0, of: deliveriesPerSecond}, {title: "lost", unit: "%", digits: 1, of: lostShare},
			},
		},
		{
			name: "binary", title: "Binary messages",
			text:    "1,000 clients, 20 broadcasts a second of 1,000 bytes, as text and as an attachment, which is a second frame: CPU time of the server's processes per delivery.",
			servers: []string{chorusName, nodeName, bunName}, rounds: 3,
			options: bench.Options{Connections: manyClients, Senders: 20, Rate: 20, Payload: 1000, WarmUp: 2 * time.Second, Duration: 8 * time.Second, DrainTimeout: 5 * time.Second},
			variants: []variant{
				{title: "text", change: func(*bench.Options) {}},
				{title: "binary", change: func(o *bench.Options) { o.Binary = true }},
			},
			figures: []figure{
				{title: "CPU per delivery", unit: "us", digits: 2, of: cpuPerDelivery},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99}, {title: "lost", digits: 0, of: lost},
			},
		},
		{
			name: "polling", title: "Long-polling",
			text:    "500 clients, 10 broadcasts a second of 100 bytes, over WebSocket and over HTTP long-polling without compression: CPU time of the server's processes per delivery.",
			servers: []string{chorusName, nodeName, bunName}, rounds: 3,
			options: bench.Options{Connections: 500, Senders: 10, Rate: 10, WarmUp: 2 * time.Second, Duration: 8 * time.Second, DrainTimeout: 5 * time.Second},
			variants: []variant{
				{title: "WebSocket", change: func(*bench.Options) {}},
				{title: "long-polling", change: func(o *bench.Options) { o.Polling = true }},
			},
			figures: []figure{
				{title: "CPU per delivery", unit: "us", digits: 1, of: cpuPerDelivery},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99}, {title: "lost", digits: 0, of: lost},
				{title: "generator", unit: "cores", digits: 2, of: generatorCores},
			},
		},
		{
			name: "deflate", title: "permessage-deflate",
			text:    "500 clients, 10 broadcasts a second of 4 KB of text, as they are and compressed (RFC 7692, no context takeover, from 1 KiB on): CPU time of the server's processes and bytes on the wire per delivery.",
			servers: fast, rounds: 3,
			options: bench.Options{Connections: 500, Senders: 10, Rate: 10, Payload: 4 << 10, WarmUp: 2 * time.Second, Duration: 8 * time.Second, DrainTimeout: 5 * time.Second},
			variants: []variant{
				{title: "as it is", change: func(*bench.Options) {}},
				{title: "compressed", change: func(o *bench.Options) { o.Deflate = true }},
			},
			figures: []figure{
				{title: "CPU per delivery", unit: "us", digits: 1, of: cpuPerDelivery}, {title: "per delivery", unit: "bytes", digits: 0, of: bytesPerDelivery},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99}, {title: "lost", digits: 0, of: lost},
			},
		},
		{
			name: "echo", title: "Requests",
			text:    "20,000 requests a second over 200 connections, each answered with its argument (Socket.IO acknowledgement, centrifuge RPC): CPU time per round trip.",
			servers: echoing,
			options: bench.Options{Connections: 200, Senders: 200, Rate: twentyK, Echo: true, WarmUp: 2 * time.Second, Duration: 5 * time.Second, DrainTimeout: 5 * time.Second},
			figures: []figure{
				{title: "CPU per round trip", unit: "us", digits: 1, ratio: true, of: cpuPerDelivery},
				{title: "round trips", unit: "/s", digits: 0, of: deliveriesPerSecond},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99},
			},
		},
		{
			name: "memory", title: "Memory of an idle connection",
			text:    "8,000 authenticated clients over the server's nodes, 12 s after the last has connected: resident bytes then, less those before, per connection.",
			servers: products, rounds: 3,
			options: bench.Options{Connections: 8000, ConnectRate: 1000, Duration: 12 * time.Second},
			figures: []figure{
				{title: "per connection", unit: "KB", digits: 1, ratio: true, of: kilobytesPerConnection},
				{title: "all in all", unit: "MB", digits: 0, of: megabytes}, {title: "failed to connect", digits: 0, of: failed},
			},
		},
		{
			name: "many", title: "Many connections",
			text: connectionsText(limit) + ", 256 at a time and as fast as the server takes them, then a broadcast every two seconds: the storm, memory, how long until a message is with all, and pauses. " +
				"A pause is the longest time in which the server did not answer a WebSocket ping of one more client, which sends 50 a second; it includes what the generator itself is late by.",
			servers: fast, nodes: 1, rounds: 2,
			options: bench.Options{
				Connections: connectionsWithin(limit), ConnectConcurrency: 256, Senders: 1, Rate: 0.5, PingRate: 50,
				WarmUp: 5 * time.Second, Duration: 12 * time.Second, DrainTimeout: 5 * time.Second,
			},
			figures: []figure{
				{title: "connects", unit: "/s", digits: 0, of: connectsPerSecond}, {title: "failed", digits: 0, of: failed},
				{title: "CPU per connect", unit: "us", digits: 0, of: cpuPerConnect},
				{title: "longest pause of the storm", unit: "ms", digits: 0, of: pauseConnecting},
				{title: "per connection", unit: "KB", digits: 1, ratio: true, of: kilobytesPerConnection},
				{title: "all in all", unit: "MB", digits: 0, of: megabytes},
				{title: "p50", unit: "ms", digits: 1, of: p50}, {title: "p99", unit: "ms", digits: 1, of: p99}, {title: "lost", digits: 0, of: lost},
				{title: "longest pause of the broadcasts", unit: "ms", digits: 0, of: pauseLoad},
			},
		},
		idleScenario(connectionsWithin(limit)),
		roomScenario(),
		{
			name: "rooms", title: "Many rooms",
			text:    "10,000 clients, each in ten of 10,000 rooms, which have ten members each, and no two clients share more than one. 2,000 messages a second from 1,000 of the clients, to one of their rooms after the other: CPU time per delivery.",
			servers: fast, rounds: 3,
			options: bench.Options{Connections: 10_000, ConnectRate: 1000, Rooms: 10_000, RoomsPerClient: 10, Event: "publish", Senders: 1000, Rate: 2000, WarmUp: 3 * time.Second, Duration: 8 * time.Second, DrainTimeout: 5 * time.Second},
			figures: []figure{
				{title: "CPU per delivery", unit: "us", digits: 1, ratio: true, of: cpuPerDelivery},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99}, {title: "lost", digits: 0, of: lost},
			},
		},
		{
			name: "history", title: "What a history costs",
			text:    "50 clients in one room, 1,000 messages a second of 100 bytes, without and with a history of the last 1,000 messages: CPU time of the server's processes per message, with its 50 deliveries.",
			servers: []string{chorusName, centrifugeName}, rounds: 3,
			options: bench.Options{Connections: 50, Rooms: 1, Event: "publish", Senders: 20, Rate: 1000, WarmUp: 3 * time.Second, Duration: 8 * time.Second, DrainTimeout: 5 * time.Second},
			variants: []variant{
				{title: "without", change: func(*bench.Options) {}},
				{title: "with history", change: func(o *bench.Options) { o.RoomPrefix = "history-" }},
			},
			figures: []figure{
				{title: "CPU per message", unit: "us", digits: 0, of: cpuPerMessage},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99}, {title: "lost", digits: 0, of: lost},
			},
		},
		{
			name: "presence", title: "A storm of joins",
			text:    "2,000 users connect and join one room, 500 a second, and each of them receives the presence of the room: CPU time per user until the last one has joined.",
			servers: []string{chorusName, centrifugeName}, rounds: 3,
			options: bench.Options{Connections: 2000, ConnectRate: 500, Rooms: 1, RoomPrefix: "presence-", JoinOptions: `{"presence":true}`, Duration: 3 * time.Second},
			figures: []figure{
				{title: "CPU per user", unit: "us", digits: 0, ratio: true, of: cpuPerConnect},
				{title: "joins", unit: "/s", digits: 0, of: connectsPerSecond}, {title: "memory", unit: "MB", digits: 0, of: megabytes}, {title: "failed", digits: 0, of: failed},
			},
		},
		{
			name: "api", title: "Publishing over the HTTP API",
			text:    "A back end with 16 requests at a time publishes messages of 100 bytes to a room, each answered when Redis has it: CPU time of the server's processes per request.",
			servers: []string{chorusName}, rounds: 3,
			special: overAPI, takes: apiTime,
			figures: []figure{
				{title: "CPU per request", unit: "us", digits: 0, of: cpuPerDelivery}, {title: "requests", unit: "/s", digits: 0, of: deliveriesPerSecond},
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99},
			},
		},
		{
			name: "hook", title: "Asking the authorise hook",
			text:    "500 events a second over 200 connections, each acknowledged, without and with a question to a back end on the same machine before it: how long until the acknowledgement.",
			servers: []string{chorusName}, rounds: 3,
			options: bench.Options{Connections: 200, Senders: 200, Rate: 500, Echo: true, WarmUp: 2 * time.Second, Duration: 5 * time.Second, DrainTimeout: 5 * time.Second},
			variants: []variant{
				{title: "not asked", change: func(*bench.Options) {}},
				{title: "asked", change: func(o *bench.Options) { o.Event = "asked" }},
			},
			figures: []figure{
				{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99},
				{title: "CPU per event", unit: "us", digits: 0, of: cpuPerDelivery}, {title: "events", unit: "/s", digits: 0, of: deliveriesPerSecond},
			},
		},
		{
			name: "connect", title: "What a connect costs",
			text:    "4,000 clients, 500 a second, each with a JWT (HS256) of its own that the server verifies: CPU time per connect, handshakes included.",
			servers: products, rounds: 3,
			options: bench.Options{Connections: 4000, ConnectRate: 500, Duration: time.Second},
			figures: []figure{
				{title: "CPU per connect", unit: "us", digits: 0, ratio: true, of: cpuPerConnect},
				{title: "connects", unit: "/s", digits: 0, of: connectsPerSecond}, {title: "failed", digits: 0, of: failed},
			},
		},
		{
			name: "stalled", title: "A client that stops reading",
			text:    "1,000 clients, 25 broadcasts a second of 16 KB, without and with one client that does not read: memory and the latency of the others.",
			servers: []string{chorusName, centrifugeName}, rounds: 1,
			options: bench.Options{Connections: manyClients, Senders: 20, Rate: 25, Payload: 16 << 10, WarmUp: 2 * time.Second, Duration: 15 * time.Second, DrainTimeout: 5 * time.Second},
			variants: []variant{
				{title: "all read", change: func(*bench.Options) {}},
				{title: "one does not", change: func(o *bench.Options) { o.Stalled = 1 }},
			},
			figures: []figure{
				{title: "memory grows by", unit: "MB", digits: 1, of: memoryGrowth}, {title: "p99 of the others", unit: "ms", digits: 1, of: p99},
				{title: "lost", digits: 0, of: lost}, {title: "stalled client closed", digits: 0, of: evicted},
			},
		},
		{
			name: "foreign", title: "Messages of the cluster that concern nobody here",
			text:    "50,000 messages a second on Redis, a hundred at a time and in the form of the Node.js adapter, for a room with no member on this node: CPU time of the node for each.",
			servers: []string{chorusName, nodeName, stockName}, nodes: 1, rounds: 2,
			special: foreign(denseRate, denseBatch), takes: foreignTime * 5 / 4, figures: []figure{{title: "CPU per message", unit: "us", digits: 2, ratio: true, of: cpuPerDelivery}},
		},
		{
			name: "sparse", title: "A few such messages at a time",
			text:    "5,000 of them a second, ten at a time: most of it is waking an idle process.",
			servers: []string{chorusName, nodeName, stockName}, nodes: 1, rounds: 2,
			special: foreign(sparseRate, sparseBatch), takes: foreignTime * 5 / 4, figures: []figure{{title: "CPU per message", unit: "us", digits: 2, ratio: true, of: cpuPerDelivery}},
		},
	}
}
