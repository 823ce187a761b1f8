// Package dev is a whole cluster in one process, for development: nodes that can be killed, a front door, an embedded Redis,
// and what the development console asks.
package dev

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"

	"chorus/node"
	"chorus/node/config"
	"chorus/node/listener"
	"chorus/node/logging"

	"github.com/alicebob/miniredis/v2"
)

// devHistory is how many messages each room of a cluster for development keeps.
const devHistory = 1000

// Cluster is a whole cluster in one process, for development: nodes on addresses of their own, a front
// door that spreads clients over them and, unless the configuration names one, an embedded Redis.
// Its nodes can be killed and started again. Its methods are safe for concurrent use.
type Cluster struct {
	cfg       config.Config
	nodes     []*place
	frontDoor net.Listener
	redis     *miniredis.Miniredis // nil when the configuration names one
	turn      atomic.Uint64        // counts the requests that any node may take
	ways      ways
	slow      []*slowLane     // one for each node
	life      context.Context // of Run; ends outages
	end       context.CancelFunc
	outages   sync.WaitGroup // ends of outages of Redis
}

// Open makes a cluster of count nodes and listens: the front door at cfg.Listen, the nodes at
// the ports behind it, and behind these the embedded Redis (at any free ones when that is 0). Without a secret it makes one, and
// without a list of origins the web pages of all may connect: development happens on odd ports.
// Run must follow.
func Open(ctx context.Context, cfg config.Config, count int) (*Cluster, error) {
	if len(cfg.Secrets()) == 0 {
		cfg.Auth.Secret, cfg.Auth.SecretEncoding = rand.Text()+rand.Text(), "text"
	}
	if len(cfg.CORS.Origins) == 0 {
		cfg.CORS.Origins = []string{"*"}
	}
	if len(cfg.Chat.Rooms) == 0 {
		cfg.Chat.Rooms = []config.RoomConfig{{Match: "*", History: config.HistoryConfig{Messages: devHistory}, Receipts: true, Presence: true, Listed: true}}
		cfg.Chat.Direct.History.Messages = devHistory
	}
	cfg.Admin.Listen, cfg.Development = "", true
	d := &Cluster{cfg: cfg}
	d.life, d.end = context.WithCancel(context.WithoutCancel(ctx))
	if err := d.open(ctx, count); err != nil {
		d.close()
		return nil, err
	}
	return d, nil
}

func (d *Cluster) open(ctx context.Context, count int) (err error) {
	if d.cfg.Cluster.Redis.URL == "" {
		if d.redis, err = startRedis(d.cfg.Listen, count); err != nil {
			return fmt.Errorf("%w: the embedded Redis: %w", config.ErrStart, err)
		}
		d.cfg.Cluster.Redis.URL = "redis://" + d.redis.Addr()
	}
	if err := node.Validate(d.cfg); err != nil {
		return err
	}
	if d.frontDoor, err = listener.Listen(ctx, "listen", d.cfg.Listen); err != nil {
		return err
	}
	for i := range count {
		cfg := d.cfg
		if cfg.Listen, err = portBehind(d.cfg.Listen, i+1); err != nil {
			return err
		}
		n := &place{cfg: cfg, wrap: d.withAPI, started: func(n *node.Node) { d.ways.watch(i, n.Chat()) }}
		lane, err := openSlowLane(ctx, n.addr)
		if err != nil {
			return err
		}
		d.slow = append(d.slow, lane)
		d.nodes = append(d.nodes, n)
		if err := n.start(ctx); err != nil {
			return err
		}
	}
	return nil
}

// startRedis starts an embedded Redis at the port behind those of the nodes, where a later run finds it again,
// or at a free one if that is taken.
func startRedis(frontDoor string, nodes int) (*miniredis.Miniredis, error) {
	address, err := portBehind(frontDoor, nodes+1)
	if err != nil {
		return nil, err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, err
	}
	redis := miniredis.NewMiniRedis()
	if redis.StartAddr(net.JoinHostPort("127.0.0.1", port)) == nil { // it has no password: nobody else may reach it
		return redis, nil
	}
	return miniredis.Run()
}

// portBehind returns the address with a port that is greater by offset; port 0 stays.
func portBehind(address string, offset int) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", err
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		return "", fmt.Errorf("%w: listen: the port of %q is not a number", config.ErrConfig, address)
	}
	if number != 0 {
		number += offset
	}
	return net.JoinHostPort(host, strconv.Itoa(number)), nil
}

// Config returns the configuration in force, with the secret.
func (d *Cluster) Config() config.Config { return d.cfg }

// Addr returns the address of the front door.
func (d *Cluster) Addr() string { return d.frontDoor.Addr().String() }

// NodeAddrs returns the addresses of the nodes.
func (d *Cluster) NodeAddrs() []string {
	addrs := make([]string, len(d.nodes))
	for i, n := range d.nodes {
		addrs[i] = n.addr()
	}
	return addrs
}

// Run serves until ctx ends, then drains all nodes.
func (d *Cluster) Run(ctx context.Context) error {
	door := listener.NewServer(d.withAPI(http.HandlerFunc(d.spread)), logging.NewLogger(&d.cfg))
	opened := make(chan error, 1)
	go func() { opened <- listener.Serve(door, d.frontDoor) }() // ends with Close below
	var err error
	select {
	case <-ctx.Done():
	case err = <-opened:
		opened <- err
	}
	d.end()
	for _, n := range d.nodes {
		n.stop()
	}
	for _, n := range d.nodes {
		err = errors.Join(err, n.wait())
	}
	_ = door.Close() // the nodes have ended all sessions
	d.closeSlow()
	<-opened
	if d.redis != nil {
		d.outages.Wait()
		d.redis.Close()
	}
	return err
}

// close undoes an open that failed.
func (d *Cluster) close() {
	d.end()
	for _, n := range d.nodes {
		n.stop()
		_ = n.wait()
	}
	d.closeSlow()
	if d.frontDoor != nil {
		_ = d.frontDoor.Close()
	}
	if d.redis != nil {
		d.redis.Close()
	}
}

func (d *Cluster) closeSlow() {
	for _, lane := range d.slow {
		lane.close()
	}
}
