package main

import (
	"context"
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"chorus/bench"

	"github.com/redis/go-redis/v9"
)

// What a run of the scaling measurement is.
const (
	scaleWarmUp = time.Second
	scaleTime   = 5 * time.Second
	scaleIdle   = 2 * time.Second
)

// scaleNodes are the sizes of the clusters.
var scaleNodes = []int{1, 2, 4, 8, 16}

// carrierKind is a way in which messages get from node to node, of one kind of server.
type carrierKind struct {
	name, title string
	server      server
}

// carrierKinds are those that are measured.
func carrierKinds() []carrierKind {
	of := func(name, title, adapter, mode string) carrierKind {
		s := server{name: name, title: title, protocol: bench.SocketIO}
		s.command = func(p place) ([]string, []string) {
			return []string{filepath.Join(p.bin, "server")}, []string{
				"CHORUS_LISTEN=" + p.listen, "CHORUS_ADMIN_LISTEN=", "CHORUS_LOG_LEVEL=warn", "CHORUS_AUTH_SECRET=" + secret,
				"CHORUS_CLUSTER_REDIS_URL=redis://" + p.redis, "CHORUS_CLUSTER_ADAPTER=" + adapter, "CHORUS_CLUSTER_SHARDED_MODE=" + mode,
			}
		}
		return carrierKind{name, title, s}
	}
	node := func(name, title, adapter string) carrierKind {
		s := server{name: name, title: title, protocol: bench.SocketIO}
		s.command = func(p place) ([]string, []string) {
			return []string{"node", filepath.Join(p.dir, "peers", "node", "server.js"), "--listen", p.listen, "--redis", p.redis, "--adapter", adapter},
				[]string{"BENCH_SECRET=" + secret}
		}
		return carrierKind{name, title, s}
	}
	return []carrierKind{
		of("pubsub", "`pubsub`", "pubsub", "dynamic"),
		of("sharded-static", "`sharded`, static", "sharded", "static"),
		of("sharded-dynamic", "`sharded`, dynamic", "sharded", "dynamic"),
		node("node-pubsub", "Node.js `createAdapter`", "pubsub"),
		node("node-sharded", "Node.js `createShardedAdapter`", "sharded"),
		node("node-streams", "Node.js streams adapter", "streams"),
	}
}

// workload is who hears the messages.
type workload struct {
	name, title string
	rate        float64 // messages per second of all nodes together
	change      func(o *bench.Options, nodes int)
}

// workloads: every node has one client, which sends.
func workloads() []workload {
	return []workload{
		{"rooms", "every message is for a room of which all members are on the node that sends it", 4000, func(o *bench.Options, nodes int) {
			o.Rooms, o.Event = nodes, "publish"
		}},
		{"all", "every message is for everybody", 1000, func(*bench.Options, int) {}},
	}
}

// point is what one cluster under one workload came to, per message.
type point struct {
	Carrier  string  `json:"carrier"`
	Workload string  `json:"workload"`
	Nodes    int     `json:"nodes"`
	Messages float64 `json:"messages"`          // into Redis, in the whole run
	BytesIn  float64 `json:"redis_bytes_in"`    // into Redis, per message
	BytesOut float64 `json:"redis_bytes_out"`   // out of Redis, per message
	RedisCPU float64 `json:"redis_cpu_us"`      // per message
	NodeCPU  float64 `json:"nodes_cpu_us"`      // of all nodes together, per message
	P50      float64 `json:"p50_ms"`            // from the moment a message was due
	P99      float64 `json:"p99_ms"`            //
	Lost     uint64  `json:"lost"`              //
	Failure  string  `json:"failure,omitempty"` // then nothing else is said
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
func (l *lab) scalePoint(ctx context.Context, kind carrierKind, w workload, nodes int) (point, error) {
	p := point{Carrier: kind.name, Workload: w.name, Nodes: nodes}
	client := redis.NewClient(&redis.Options{Addr: l.redis.address, Protocol: 2})
	defer client.Close() //nolint:errcheck // nothing is lost with it
	if err := client.FlushAll(ctx).Err(); err != nil {
		return p, err
	}
	c, err := l.start(ctx, kind.server, nodes)
	defer c.stop()
	if err != nil {
		return p, err
	}
	// What is done anyway, heartbeats and probes, is not the messages' doing.
	idleFrom, err := useOf(ctx, client)
	if err != nil {
		return p, err
	}
	idleCPU, err := usageDuring(c.pids, func() error { return sleep(ctx, scaleIdle) })
	if err != nil {
		return p, err
	}
	from, err := useOf(ctx, client)
	if err != nil {
		return p, err
	}
	began := time.Now()
	options := bench.Options{
		URLs: c.urls, PIDs: c.pids, Token: token, ConnectTimeout: connectTimeout,
		Connections: nodes, Senders: nodes, Rate: w.rate, WarmUp: scaleWarmUp, Duration: scaleTime,
	}
	w.change(&options, nodes)
	report, err := bench.Run(ctx, options)
	if err != nil {
		return p, err
	}
	until, err := useOf(ctx, client)
	if err != nil {
		return p, err
	}
	idle := time.Since(began).Seconds() / scaleIdle.Seconds() // how often the idle time fits in
	p.Messages = until.calls - from.calls - idle*(from.calls-idleFrom.calls)
	per := func(now, then, before float64) float64 { return (now - then - idle*(then-before)) / p.Messages }
	p.BytesIn, p.BytesOut = per(until.in, from.in, idleFrom.in), per(until.out, from.out, idleFrom.out)
	p.RedisCPU = 1e6 * per(until.cpu, from.cpu, idleFrom.cpu)
	p.NodeCPU = 1e6 * (usage(report).CPUSeconds - idleCPU.Seconds()*scaleTime.Seconds()/scaleIdle.Seconds()) / float64(load(report).Sent)
	p.P50, p.P99, p.Lost = latency(report).P50, latency(report).P99, load(report).Lost
	return p, nil
}

// scale measures all carriers at all sizes, in turns, and prints as it goes.
func (l *lab) scale(ctx context.Context, only []string, quick bool) ([]point, error) {
	kinds, sizes := carrierKinds(), scaleNodes
	if len(only) > 0 {
		var err error
		if kinds, err = named(kinds, only, func(k carrierKind) string { return k.name }); err != nil {
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
				fmt.Printf("%s  scale %-5s %2d nodes  %-16s in %4.0f B  out %6.0f B  redis %5.1f us  nodes %6.1f us  p50 %.2f ms  lost %d %s\n",
					time.Now().Format(time.TimeOnly), w.name, nodes, kind.name, p.BytesIn, p.BytesOut, p.RedisCPU, p.NodeCPU, p.P50, p.Lost, p.Failure)
			}
		}
	}
	return points, nil
}
