package main

import (
	"fmt"
	"math"
	"time"

	"chorus/bench"
)

// The scenarios whose load has several sizes.

const (
	mostIdle       = 16_000 // connections
	roomDeliveries = 20_000 // a second
	roomRate       = 5000   // messages a second, at most
)

// idleScenario has idle connections on one node, not more than there may be.
func idleScenario(most int) scenario {
	s := scenario{
		name: "idle", title: "How memory and CPU time grow with the connections",
		text: "Authenticated clients that do nothing, on one node. From 10 s after the last has connected: resident memory, and CPU time during 25 s, in which each connection has one heartbeat. " +
			"The curves are lines with the least squares of relative distance to the points.",
		servers: []string{chorusName, centrifugeName, nodeName}, nodes: 1, rounds: 1,
		options: bench.Options{WarmUp: 10 * time.Second, Duration: 25 * time.Second},
		figures: []figure{
			{title: "memory", unit: "MB", digits: 1, of: megabytes},
			{title: "CPU time", unit: "ms/s", digits: 2, of: cpuPerSecond},
			{title: "failed to connect", digits: 0, of: failed},
		},
	}
	for _, part := range []int{8, 4, 2, 1} {
		size := min(most, mostIdle) / part
		s.variants = append(s.variants, variant{
			title: number(size) + " connections", size: float64(size), change: func(o *bench.Options) { o.Connections = size },
		})
	}
	s.growth = &growth{size: "connections", curves: []curve{
		{title: "resident memory, MB", of: s.figures[0], words: func(l line, how string) string {
			return fmt.Sprintf("memory grows %s, by %.1f KB for each connection over %.0f MB of the process", how, kilo*l.Each, l.Fixed)
		}},
		{title: "CPU time of idle connections, ms/s", of: s.figures[1], words: func(l line, how string) string {
			return fmt.Sprintf("CPU time grows %s, by %.2f ms a second for each 1,000 connections over %.2f ms of the process", how, kilo*l.Each, l.Fixed)
		}},
	}}
	return s
}

// roomScenario has one room, of several sizes, and as many deliveries a second in each where the rate permits.
func roomScenario() scenario {
	s := scenario{
		name: "room", title: "How the cost of a message grows with its room",
		text: "One room on one node, with Redis; up to 20 of its members send. 20,000 deliveries a second, but not more than 5,000 messages: CPU time of the server's process per message and per delivery. " +
			"The curves are lines with the least squares of relative distance to the points. Per delivery it is the same line, divided by the number of members.",
		servers: []string{floorName, chorusName, centrifugeName, nodeName}, nodes: 1, rounds: 1,
		options: bench.Options{Rooms: 1, Event: "publish", WarmUp: time.Second, Duration: 4 * time.Second, DrainTimeout: 5 * time.Second},
		figures: []figure{
			{title: "CPU per message", unit: "us", digits: 1, of: cpuPerMessage}, {title: "CPU per delivery", unit: "us", digits: 2, of: cpuPerDelivery},
			{title: "messages", unit: "/s", digits: 0, of: messagesPerSecond}, {title: "deliveries", unit: "/s", digits: 0, of: deliveriesPerSecond},
			{title: "p50", unit: "ms", digits: 2, of: p50}, {title: "p99", unit: "ms", digits: 2, of: p99}, {title: "lost", digits: 0, of: lost},
		},
	}
	for _, size := range []int{1, 10, 100, 1000, 5000} {
		title := number(size) + " members"
		if size == 1 {
			title = "1 member"
		}
		s.variants = append(s.variants, variant{title: title, size: float64(size), change: func(o *bench.Options) {
			o.Connections, o.Senders, o.Rate = size, min(size, 20), min(roomRate, roomDeliveries/float64(size))
		}})
	}
	s.growth = &growth{size: "members", logX: true, curves: []curve{
		{title: "CPU per message, µs", of: s.figures[0], logY: true, words: func(l line, how string) string {
			return fmt.Sprintf("the cost of a message grows %s: it is %.1f µs plus %.2f µs for each member, who are most of it from %s members on",
				how, l.Fixed, l.Each, number(int(math.Ceil(max(1, l.Fixed/l.Each)))))
		}},
		{title: "CPU per delivery, µs", of: s.figures[1], logY: true, shared: true},
	}}
	return s
}
