package main

import (
	"context"
	"path/filepath"
	"strconv"
	"strings"

	"chorus/adapter/wire"
	"chorus/bench"
)

// server is something to measure.
type server struct {
	name     string
	title    string
	protocol bench.Protocol
	nodes    int // processes over one Redis
	note     string
	wire     wire.Dialect // how its nodes talk, where that is measured

	// install fetches what one process needs, where the source tree does not have it; nil for nothing. A server that cannot
	// be installed is left out, with a note.
	install func(ctx context.Context, p place) error

	// command is what starts one process; the lab's directory of binaries, the address to listen
	// on and that of Redis are filled in.
	command func(place place) (argv, env []string)
}

// place is where a server runs.
type place struct {
	bin, dir, listen, redis, hook string

	deflate bool // whether the server is to offer permessage-deflate
}

// secret signs the tokens of all clients.
const secret = "a secret of the benchmark that is long enough"

const (
	chorusName     = "chorus"
	floorName      = "floor"
	nodeName       = "node"
	bunName        = "bun"
	stockName      = "stock"
	centrifugeName = "centrifuge"
	centrifugoName = "centrifugo"
)

func serverNames() string {
	all := allServers()
	names := make([]string, len(all))
	for i, s := range all {
		names[i] = s.name
	}
	return strings.Join(names, ", ")
}

func allServers() []server {
	peer := func(name string) func(place) ([]string, []string) {
		return func(p place) ([]string, []string) {
			argv := []string{filepath.Join(p.bin, name), "-listen", p.listen}
			if p.redis != "" {
				argv = append(argv, "-redis", p.redis)
			}
			if p.deflate {
				argv = append(argv, "-deflate")
			}
			return argv, []string{"BENCH_SECRET=" + secret}
		}
	}
	tcp := strconv.Itoa(tcpWithin(descriptorLimit()))
	return []server{
		{
			name: floorName, title: "bare `write(2)`", protocol: bench.Bare, nodes: 1, command: peer(floorName),
			note: "accepts WebSocket connections and does nothing but one `write(2)` of one ready frame per receiver: no protocol, no authentication, no Redis, one process",
		},
		{
			name: chorusName, title: "**chorus**", protocol: bench.SocketIO, nodes: 2,
			note: "this project's node and events that are acknowledged with their argument; one address may have all connections",
			command: func(p place) ([]string, []string) {
				env := []string{
					"CHORUS_LISTEN=" + p.listen, "CHORUS_ADMIN_LISTEN=", "CHORUS_LOG_LEVEL=warn",
					"CHORUS_AUTH_SECRET=" + secret, "BENCH_API_HASH=" + apiHash(),
					"CHORUS_LIMITS_TCP=" + tcp, "CHORUS_LIMITS_TCP_PER_ADDRESS=" + tcp,
				}
				if p.hook != "" {
					env = append(env, "BENCH_HOOK="+p.hook, "BENCH_HOOK_SECRET="+hookSecret)
				}
				if p.deflate {
					env = append(env, "CHORUS_COMPRESSION=true")
				}
				if p.redis != "" {
					env = append(env, "CHORUS_CLUSTER_REDIS_URL=redis://"+p.redis)
				}
				return []string{filepath.Join(p.bin, "server")}, env
			},
		},
		{
			name: centrifugeName, title: "centrifuge", protocol: bench.Centrifuge, nodes: 2, command: peer(centrifugeName),
			note: "the Go library, JSON protocol, Redis broker, its defaults",
		},
		{
			name: centrifugoName, title: "Centrifugo", protocol: bench.Centrifuge, nodes: 2, install: installCentrifugo, command: centrifugoCommand,
			note: "the server binary, " + centrifugoVersion + ", JSON protocol, Redis engine, its defaults; clients may subscribe and publish",
		},
		{
			name: nodeName, title: "Node.js", protocol: bench.SocketIO, nodes: 2,
			note:    "`socket.io` with `@socket.io/redis-adapter`, their defaults",
			command: func(p place) ([]string, []string) { return nodeCommand("node", p) },
		},
		{
			name: bunName, title: "Bun", protocol: bench.SocketIO, nodes: 2, install: installBun,
			note:    "the same program as with Node.js, on Bun",
			command: func(p place) ([]string, []string) { return nodeCommand(bunBinary(p), p) },
		},
		{
			name: stockName, title: "stock Go library", protocol: bench.SocketIO, nodes: 1, command: peer(stockName),
			note: "the Socket.IO library that chorus builds on, with its own engine and Redis adapter; one node, because its adapter does not carry broadcasts between nodes (see *reach*), and in the simplest scenarios alone",
		},
	}
}
