package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chorus/adapter/wire"
	"chorus/bench"

	"github.com/redis/go-redis/v9"
)

// What a run of the scaling measurement is.
const (
	scaleWarmUp = time.Second
	scaleTime   = 4 * time.Second
	scaleIdle   = 2 * time.Second
	scaleBatch  = 50 // messages published together under load
)

// scaleNodes are the sizes of the clusters.
var scaleNodes = []int{1, 2, 4, 8, 16}

// carriers are the ways in which messages get from node to node that are measured, each with its kind of server.
func carriers() []server {
	chorus, node := serverNamed(chorusName), serverNamed(nodeName)
	return []server{
		chorus.carrying("pubsub", wire.Dialect{Format: wire.PubSub}, "`pubsub`", nil, "CHORUS_CLUSTER_ADAPTER=pubsub"),
		chorus.carrying("sharded-static", wire.Dialect{Format: wire.Sharded, Mode: wire.Static}, "`sharded`, static", nil, "CHORUS_CLUSTER_ADAPTER=sharded", "CHORUS_CLUSTER_SHARDED_MODE=static"),
		chorus.carrying("sharded-dynamic", wire.Dialect{Format: wire.Sharded}, "`sharded`, dynamic", nil, "CHORUS_CLUSTER_ADAPTER=sharded", "CHORUS_CLUSTER_SHARDED_MODE=dynamic"),
		chorus.carrying("streams", wire.Dialect{Format: wire.Streams}, "`streams`", nil, "CHORUS_CLUSTER_ADAPTER=streams"),
		node.carrying("node-pubsub", wire.Dialect{Format: wire.PubSub}, "Node.js, `createAdapter`", []string{"--adapter", "pubsub"}),
		node.carrying("node-sharded", wire.Dialect{Format: wire.Sharded}, "Node.js, `createShardedAdapter`", []string{"--adapter", "sharded"}),
		node.carrying("node-streams", wire.Dialect{Format: wire.Streams}, "Node.js, streams adapter", []string{"--adapter", "streams"}),
	}
}

func serverNamed(name string) server {
	servers := allServers()
	return servers[slices.IndexFunc(servers, func(s server) bool { return s.name == name })]
}

// carrying is the server with more arguments and variables, which say how its messages travel.
func (s server) carrying(name string, wire wire.Dialect, title string, argv []string, env ...string) server {
	command := s.command
	s.name, s.title, s.wire = name, title, wire
	s.command = func(p place) ([]string, []string) {
		baseArgv, baseEnv := command(p)
		return append(baseArgv, argv...), append(baseEnv, env...)
	}
	return s
}

// workload describes the messages and their recipients.
type workload struct {
	name, title string
	rate        float64 // messages per second
	send        func(ctx context.Context, c *cluster, client *redis.Client, kind server, w workload) (sending, error)
	figures     []scaleFigure
}

// sending is what came of it.
type sending struct {
	messages float64
	latency  bench.LatencyReport
	lost     uint64
}

// workloads have rates at which sixteen nodes and Redis find time on two cores.
func workloads() []workload {
	several := slices.Clone(scaleFigures)
	several = slices.DeleteFunc(several, func(f scaleFigure) bool { return f.title == senderTitle })
	latencies := append(slices.Clone(scaleFigures), scaleFigure{"Median latency, ms", 2, func(p point) float64 { return p.P50 }})
	return []workload{
		{"load", "under load: 20,000 messages a second, 50 at a time, for a room that nobody is in", 20_000, sendMany, several},
		{"rooms", "one by one: 1,000 messages a second for a room that only the node that sends them has a member of", 1000, sendToRoom, scaleFigures},
		{"all", "one by one: 250 messages a second for everybody, and each node has one client", 250, sendToAll, latencies},
	}
}

// sendMany publishes as an emitter does, many messages at a time: what the nodes of a large cluster get together.
func sendMany(ctx context.Context, _ *cluster, client *redis.Client, kind server, w workload) (sending, error) {
	command, err := messageFor(kind.wire)
	if err != nil {
		return sending{}, err
	}
	sent, err := publish(ctx, client, command, int(w.rate), scaleBatch, scaleTime)
	return sending{messages: float64(sent)}, err
}

// sendToRoom has a client of the first node send to a room of which it is the only member.
func sendToRoom(ctx context.Context, c *cluster, _ *redis.Client, _ server, w workload) (sending, error) {
	return runClients(ctx, bench.Options{URLs: c.urls[:1], Connections: 1, Rooms: 1, Event: "publish", Rate: w.rate})
}

// sendToAll has a client of the first node send to one of each node.
func sendToAll(ctx context.Context, c *cluster, _ *redis.Client, _ server, w workload) (sending, error) {
	return runClients(ctx, bench.Options{URLs: c.urls, Connections: len(c.urls), Rate: w.rate})
}

func runClients(ctx context.Context, o bench.Options) (sending, error) {
	o.Senders, o.Token, o.ConnectTimeout, o.WarmUp, o.Duration = 1, token, connectTimeout, scaleWarmUp, scaleTime
	report, err := bench.Run(ctx, o)
	if err != nil {
		return sending{}, err
	}
	measured := float64(load(report).Sent)
	return sending{
		messages: measured * (scaleWarmUp + scaleTime).Seconds() / scaleTime.Seconds(),
		latency:  latency(report), lost: load(report).Lost,
	}, nil
}

// point is what one cluster under one workload came to, per message.
type point struct {
	Carrier    string  `json:"carrier"`
	Workload   string  `json:"workload"`
	Nodes      int     `json:"nodes"`
	In         float64 `json:"redis_in"`  // commands that bring messages into Redis
	BytesIn    float64 `json:"bytes_in"`  // into Redis
	BytesOut   float64 `json:"bytes_out"` // out of Redis
	RedisCPU   float64 `json:"redis_cpu_us"`
	SenderCPU  float64 `json:"sender_cpu_us"`
	ForeignCPU float64 `json:"foreign_cpu_us"` // of each of the other nodes
	P50        float64 `json:"p50_ms"`         // from the moment a message was due
	P99        float64 `json:"p99_ms"`
	Lost       uint64  `json:"lost"`
	Failure    string  `json:"failure,omitempty"` // then nothing else is said
}

// redisUse is what a Redis has done up to a moment.
type redisUse struct{ calls, in, out, cpu float64 }

// useOf asks Redis. Messages are counted by the commands that bring them.
func useOf(ctx context.Context, client *redis.Client) (u redisUse, err error) {
	text, err := client.InfoMap(ctx, "stats", "cpu", "commandstats").Result()
	if err != nil {
		return u, err
	}
	number := func(section, name string) float64 {
		value, _ := strconv.ParseFloat(text[section][name], 64)
		return value
	}
	for _, command := range []string{"publish", "spublish", "xadd"} {
		stats := text["Commandstats"]["cmdstat_"+command]
		calls, _, _ := strings.Cut(strings.TrimPrefix(stats, "calls="), ",")
		count, _ := strconv.ParseFloat(calls, 64)
		u.calls += count
	}
	u.in, u.out = number("Stats", "total_net_input_bytes"), number("Stats", "total_net_output_bytes")
	u.cpu = number("CPU", "used_cpu_sys") + number("CPU", "used_cpu_user")
	return u, nil
}

// scalePoint measures a cluster of so many nodes.
func (l *lab) scalePoint(ctx context.Context, kind server, w workload, nodes int) (point, error) {
	p := point{Carrier: kind.name, Workload: w.name, Nodes: nodes}
	client := redis.NewClient(&redis.Options{Addr: l.redis.address, Protocol: 2})
	defer client.Close() //nolint:errcheck // nothing is lost with it
	if err := client.FlushAll(ctx).Err(); err != nil {
		return p, err
	}
	c, err := l.start(ctx, kind, nodes, false)
	defer c.stop()
	if err != nil {
		return p, err
	}
	// What is done anyway, heartbeats and probes, is not the messages' doing.
	first, others := c.pids[:1], c.pids[1:]
	var before, from, until scaleUse
	if before, err = useAt(ctx, client, first, others); err != nil {
		return p, err
	}
	if err := sleep(ctx, scaleIdle); err != nil {
		return p, err
	}
	if from, err = useAt(ctx, client, first, others); err != nil {
		return p, err
	}
	began := time.Now()
	done, err := w.send(ctx, c, client, kind, w)
	if err != nil {
		return p, err
	}
	if until, err = useAt(ctx, client, first, others); err != nil {
		return p, err
	}
	idle := time.Since(began).Seconds() / scaleIdle.Seconds() // how often the idle time fits in
	per := func(of func(scaleUse) float64) float64 {
		return (of(until) - of(from) - idle*(of(from)-of(before))) / done.messages
	}
	p.In = per(func(u scaleUse) float64 { return u.calls })
	p.BytesIn, p.BytesOut = per(func(u scaleUse) float64 { return u.in }), per(func(u scaleUse) float64 { return u.out })
	p.RedisCPU = 1e6 * per(func(u scaleUse) float64 { return u.cpu })
	p.SenderCPU = 1e6 * per(func(u scaleUse) float64 { return u.sender })
	p.ForeignCPU = 1e6 * per(func(u scaleUse) float64 { return u.others }) / max(1, float64(len(others)))
	p.P50, p.P99, p.Lost = done.latency.P50, done.latency.P99, done.lost
	return p, nil
}

// scaleUse is what a cluster has done up to a moment.
type scaleUse struct {
	redisUse
	sender, others float64 // seconds of CPU
}

func useAt(ctx context.Context, client *redis.Client, first, others []int) (u scaleUse, err error) {
	if u.redisUse, err = useOf(ctx, client); err != nil {
		return u, err
	}
	sender, err := bench.UsageOf(first)
	if err != nil {
		return u, err
	}
	rest, err := bench.UsageOf(others)
	u.sender, u.others = sender.CPU.Seconds(), rest.CPU.Seconds()
	return u, err
}

// scale measures all carriers at all sizes, in turns, and prints as it goes.
func (l *lab) scale(ctx context.Context, only []string, quick bool) ([]point, error) {
	kinds, sizes := carriers(), scaleNodes
	if len(only) > 0 {
		var err error
		if kinds, err = named(kinds, only, func(k server) string { return k.name }); err != nil {
			return nil, fmt.Errorf("--only %w", err)
		}
	}
	if quick {
		sizes = []int{1, 4}
	}
	var points []point
	for _, w := range workloads() {
		for _, nodes := range sizes {
			for _, kind := range kinds {
				p, err := l.scalePoint(ctx, kind, w, nodes)
				if ctx.Err() != nil {
					return nil, ctx.Err()
				}
				if err != nil {
					p.Failure = err.Error()
				}
				points = append(points, p)
				fmt.Printf("%s  scale %-5s %2d nodes  %-16s in %4.0f B  out %6.0f B  redis %5.1f us  sender %6.1f us  others %6.1f us  p50 %.2f ms  lost %d %s\n",
					time.Now().Format(time.TimeOnly), w.name, nodes, kind.name, p.BytesIn, p.BytesOut, p.RedisCPU, p.SenderCPU, p.ForeignCPU, p.P50, p.Lost, p.Failure)
			}
		}
	}
	return points, nil
}
