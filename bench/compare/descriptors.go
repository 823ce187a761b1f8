package main

import (
	"fmt"
	"math"
	"syscall"
)

// What the scenario with many connections is made of.
const (
	mostConnections  = 50_000
	spareDescriptors = 1000 // of a process, for all else; the generator has two for each client that is connecting
	roundConnections = 1000
)

// descriptorLimit returns how many descriptors a process may have: the hard limit, to which all programs of this benchmark
// raise their own.
func descriptorLimit() uint64 {
	var limit syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit) != nil {
		return math.MaxUint64
	}
	return limit.Max
}

// connectionsWithin returns how many connections a node and the generator may have with such a limit: mostConnections, or
// else the greatest round number.
func connectionsWithin(limit uint64) int {
	if limit >= mostConnections+spareDescriptors {
		return mostConnections
	}
	left := int(limit) - spareDescriptors //nolint:gosec // less than 51,000
	return max(roundConnections, left/roundConnections*roundConnections)
}

// tcpWithin returns how many TCP connections a node takes, from any address. By itself a node keeps descriptors for the
// connections that it passes on to others, and lets one address have three quarters of the rest; here it has all clients.
func tcpWithin(limit uint64) int { return connectionsWithin(limit) + spareDescriptors/2 }

// connectionsText says how many that are, and why not more.
func connectionsText(limit uint64) string {
	count := number(connectionsWithin(limit))
	if connectionsWithin(limit) == mostConnections {
		return count + " authenticated clients on one node"
	}
	return fmt.Sprintf("%s authenticated clients on one node, because a process may have no more than %s descriptors here (%s clients where it may have %s)",
		count, number(int(limit)), number(mostConnections), number(mostConnections+spareDescriptors)) //nolint:gosec // less than 51,000
}

// number writes a whole number.
func number(n int) string { return figure{}.text(float64(n)) }
