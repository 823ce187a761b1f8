package limit

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"chorus/internal/background"
	"chorus/internal/redisconn"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
)

// times are those of a limit over a cluster.
type times struct {
	call    time.Duration // that Redis may take for one call
	check   time.Duration // between looks at the lease
	retry   time.Duration // between attempts to reach Redis
	refresh time.Duration // between registrations of all connections while nothing happens
	ttl     time.Duration // for which Redis keeps the connections of a subject without any change
}

var defaultTimes = times{
	call: time.Second, check: time.Second, retry: 500 * time.Millisecond, refresh: 20 * time.Minute, ttl: time.Hour,
}

// pageSize is how many connections are registered or released at once.
const pageSize = 500

var (
	errMessage = errors.New("not a connection")
	errNoLease = errors.New("this node holds no lease")
)

// cluster tells Redis about the connections of a node, under the lease that the node has in the registry. One goroutine
// owns that, apart from the question whether a new connection may come in. Whenever it is not sure what Redis has,
// because a call failed or the node took another lease, it registers all connections again.
type cluster struct {
	limit   *Connections
	client  redis.UniversalClient
	nodes   *registry.Registry
	log     *slog.Logger
	times   times
	tag     string // begins all keys
	channel string

	wake       chan struct{} // there is something to do; holds one
	begun      chan struct{} // closed when Redis knows all connections for the first time
	start      time.Time
	unwatch    func()
	goroutines *background.Group

	// The rest is guarded by the mutex of the limit.
	lease        string // under which this node registers, empty at first
	up           bool   // Redis knows all connections and is asked about new ones
	closed       bool
	last         uint64 // number of a connection
	numbers      map[uint64]*holder
	unregistered map[*holder]struct{}
	released     []membership // at most the connections that Redis knows
}

// membership is a connection as Redis knows it.
type membership struct{ key, member string }

func startCluster(l *Connections, opts Options, t times) *cluster {
	c := &cluster{
		limit: l, client: opts.Client, nodes: opts.Registry, log: opts.Logger, times: t,
		tag: "{" + opts.Prefix + "-auth}:", channel: opts.Prefix + "-auth-replaced",
		wake: make(chan struct{}, 1), begun: make(chan struct{}), start: time.Now(), numbers: make(map[uint64]*holder), unregistered: make(map[*holder]struct{}),
	}
	c.unwatch = opts.Registry.Watch(func(change registry.Change) {
		if change.Self {
			c.nudge()
		}
	})
	var received chan redisconn.News // nil when no connection is ever replaced
	run := []func(context.Context){func(ctx context.Context) { c.run(ctx, received) }}
	if opts.Policy == PolicyCloseOldest {
		received = make(chan redisconn.News, redisconn.MaxWaitingNews)
		listener := redisconn.Subscription{Client: opts.Client, Channel: c.channel, Log: opts.Logger, Losses: &l.stats.Disconnects}
		run = append(run, func(ctx context.Context) { listener.Run(ctx, received) })
	}
	c.goroutines = background.Start(run...)
	return c
}

func (c *cluster) close(ctx context.Context) error {
	c.unwatch()
	if err := c.goroutines.Close(ctx); err != nil {
		return fmt.Errorf("auth: close connection limit: %w", err)
	}
	return nil
}

func (c *cluster) key(subject string) string { return c.tag + "connections:" + subject }

func memberOf(lease string, number uint64) string {
	return lease + "/" + strconv.FormatUint(number, 10)
}

// number gives a new holder its number. This and the next three are called with the mutex held.
func (c *cluster) number(h *holder) {
	c.last++
	h.number = c.last
	c.numbers[h.number] = h
}

// decided notes what Redis may know of a holder after the decision about it. lease is empty when Redis does not know it.
func (c *cluster) decided(h *holder, registered bool, lease string) {
	if c.closed {
		return
	}
	if lease != "" && lease == c.lease {
		h.lease = lease
		if h.gone {
			c.release(h)
		}
	}
	if h.in && (!registered || lease != c.lease) {
		c.unregistered[h] = struct{}{}
		c.nudge()
	}
}

// removed notes that a holder is no more.
func (c *cluster) removed(h *holder) {
	delete(c.numbers, h.number)
	delete(c.unregistered, h)
	if h.lease != "" {
		c.release(h)
	}
}

func (c *cluster) release(h *holder) {
	if h.lease != c.lease || c.closed {
		return // it goes with the lease
	}
	c.released = append(c.released, membership{c.key(h.subject), memberOf(h.lease, h.number)})
	c.nudge()
}

// doubt has all connections registered again.
func (c *cluster) doubt() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.up = false
	c.refreshLocked()
	c.nudge()
}

func (c *cluster) nudge() {
	select {
	case c.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// run is the goroutine.
func (c *cluster) run(ctx context.Context, received <-chan redisconn.News) {
	defer c.goodbye() // it is done when ctx has ended
	retry := time.NewTimer(0)
	defer retry.Stop()
	check := time.NewTicker(c.times.check)
	defer check.Stop()
	refresh := time.NewTicker(c.times.refresh)
	defer refresh.Stop()
	complaints := redisconn.MalformedData(c.log)
	wake, failing := c.wake, false
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-received:
			if !n.Subscribed {
				if err := c.replaced(n.Message); err != nil {
					c.limit.stats.Malformed.Add(1)
					complaints.Add(1, slog.String("where", c.channel), slog.Any("error", err))
				}
				continue
			}
			c.refresh() // a message that was missed comes again
		case <-check.C:
			if failing || c.nodes.Health() == nil {
				continue
			}
		case <-refresh.C:
			c.refresh()
		case <-wake:
		case <-retry.C:
		}
		err := c.step(ctx)
		if err == nil {
			wake, failing = c.wake, false
			continue
		}
		c.doubt()
		wake = nil // whatever it is can wait for the next attempt
		retry.Reset(c.times.retry)
		if ctx.Err() == nil && !failing && !errors.Is(err, errNoLease) {
			c.log.Warn("connections are not counted over the cluster, trying again until they are: each node counts its own", slog.Any("error", err))
		}
		if !errors.Is(err, errNoLease) {
			c.limit.stats.Errors.Add(1)
			failing = true // one line for each outage
		}
	}
}

// step does all that there is to do.
func (c *cluster) step(ctx context.Context) error {
	if c.nodes.Health() != nil {
		return errNoLease
	}
	c.adopt(c.nodes.Self().Lease)
	for {
		page, lease, released := c.pending()
		var err error
		switch {
		case len(page) > 0:
			err = c.register(ctx, lease, page)
		case len(released) > 0:
			err = c.forget(ctx, released)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// adopt takes over the lease of this node. What Redis has under another one counts no more.
func (c *cluster) adopt(lease string) {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if lease == c.lease {
		return
	}
	c.lease, c.up, c.released = lease, false, nil
	c.refreshLocked()
	c.log.Info("connections are counted over the cluster", slog.String("lease", lease))
}

// pending returns what Redis is to be told next. When there is nothing, Redis is asked from now on.
func (c *cluster) pending() (page []*holder, lease string, released []membership) {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	for h := range c.unregistered {
		delete(c.unregistered, h)
		if page = append(page, h); len(page) == pageSize {
			break
		}
	}
	if len(page) == 0 {
		n := min(len(c.released), pageSize)
		released = c.released[:n:n]
		if n == 0 {
			if !c.up {
				if c.limit.stats.Joins.Add(1) == 1 {
					close(c.begun)
				}
			}
			c.released, c.up = nil, true
		}
	}
	return page, c.lease, released
}

// refresh has all connections registered again, which changes nothing where Redis knows them.
func (c *cluster) refresh() {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.refreshLocked()
}

func (c *cluster) refreshLocked() {
	for _, h := range c.numbers {
		if h.in {
			c.unregistered[h] = struct{}{}
		}
	}
}

func (c *cluster) register(ctx context.Context, lease string, page []*holder) error {
	keys, args := make([]string, len(page)), append(make([]any, 0, 2+2*len(page)), c.times.ttl.Milliseconds(), c.limit.max)
	c.limit.mu.Lock()
	for i, h := range page {
		keys[i] = c.key(h.subject)
		args = append(args, memberOf(lease, h.number), h.since)
	}
	c.limit.mu.Unlock()
	call, cancel := context.WithTimeout(ctx, c.times.call)
	defer cancel()
	full, err := registerScript.Run(call, c.client, keys, args...).Int64Slice()
	if err != nil {
		return err
	}
	c.registered(page, lease)
	if c.limit.policy == PolicyRefuse {
		return nil
	}
	for _, i := range full {
		if i < 0 || int(i) >= len(keys) {
			continue
		}
		if _, err := c.place(ctx, keys[i], ""); err != nil {
			return err
		}
	}
	return nil
}

func (c *cluster) registered(page []*holder, lease string) {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	for _, h := range page {
		h.lease = lease
		if h.gone {
			c.release(h)
		}
	}
}

// forget takes connections out of Redis. They stay in the list until that is done.
func (c *cluster) forget(ctx context.Context, released []membership) error {
	ctx, cancel := context.WithTimeout(ctx, c.times.call)
	defer cancel()
	_, err := c.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, m := range released {
			p.ZRem(ctx, m.key, m.member)
		}
		return nil
	})
	if err != nil {
		return err
	}
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	c.released = c.released[min(len(released), len(c.released)):]
	return nil
}

// replaced handles the message that a connection was closed for a newer one. Most are about other nodes.
func (c *cluster) replaced(message string) error {
	lease, text, _ := strings.Cut(message, "/")
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || lease == "" {
		return errMessage
	}
	l := c.limit
	l.mu.Lock()
	h := c.numbers[number]
	var uses map[*use]struct{}
	switch {
	case h == nil || lease != c.lease: // under a former lease it was registered again, and judged again
	case h.in:
		uses = l.remove(h)
	default:
		h.replaced = true
	}
	l.mu.Unlock()
	l.tell(uses)
	return nil
}

// goodbye takes the connections of this node out of Redis.
func (c *cluster) goodbye() {
	c.limit.mu.Lock()
	left := c.released
	for _, h := range c.numbers {
		if h.lease != "" && h.lease == c.lease {
			left = append(left, membership{c.key(h.subject), memberOf(h.lease, h.number)})
		}
	}
	c.up, c.closed, c.released = false, true, nil
	clear(c.unregistered)
	c.limit.mu.Unlock()
	for len(left) > 0 {
		n := min(len(left), pageSize)
		if c.forget(context.Background(), left[:n]) != nil {
			return // the connections end with the lease
		}
		left = left[n:]
	}
}
