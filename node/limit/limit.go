// Package limit bounds how fast clients may ask a node for something: events and bytes of a connection, events
// of a user in the cluster, handshakes and failed authentications of an address.
//
// Each bound is a token bucket: a rate, and a burst that may come at once. A bound whose rate is 0 is off. All
// of them can be changed while clients are connected.
package limit

import (
	"math"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// Bucket is a rate per second and what may come at once. Rate 0 is no limit.
type Bucket struct {
	Rate  float64
	Burst int
}

func (b Bucket) on() bool { return b.Rate > 0 }

// limit returns the rate as package rate wants it.
func (b Bucket) limit() rate.Limit {
	if !b.on() {
		return rate.Inf
	}
	return rate.Limit(b.Rate)
}

func (b Bucket) burst() int { return max(b.Burst, 1) }

// wait returns how long a token takes to come.
func (b Bucket) wait() time.Duration {
	return time.Duration(math.Ceil(1e9 / b.Rate))
}

// Limits are all bounds.
type Limits struct {
	Events      Bucket // of a connection
	Bytes       Bucket // of a connection
	Subject     Bucket // events of a user in the cluster
	Handshakes  Bucket // of an address
	FailedAuths Bucket // of an address
}

// Stats count what was refused or delayed. They only grow.
type Stats struct {
	Events       atomic.Uint64 // refused: too many of a connection
	Subjects     atomic.Uint64 // refused: too many of a user
	Bytes        atomic.Uint64 // pauses of connections that sent too much
	Handshakes   atomic.Uint64 // refused
	FailedAuths  atomic.Uint64 // answers about bad tokens that were delayed
	Disconnected atomic.Uint64 // connections closed because they went on for too long
	RedisErrors  atomic.Uint64 // times that this node counted the events of a user by itself
}
