package redis

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"chorus/internal/redisconn"

	"github.com/redis/go-redis/v9"
)

const (
	// placeInterval is how often is looked which master has a channel, besides whenever a connection is
	// lost.
	placeInterval = 2 * time.Second
)

var errNotPlaced = errors.New("the masters of the redis cluster are not known")

// Shards keeps subscriptions to shard channels: on one connection, or with a Redis Cluster on one to
// each master, wherever the slots move. There is one to every master from the beginning: a room that is the first
// with a channel there does not have to wait for it.
type Shards struct {
	hub       *Hub
	cluster   *redis.ClusterClient // nil without a Redis Cluster: then all is on one shard
	transient bool                 // that of the subscribers

	known atomic.Bool   // the masters are: to ask for one does not wait
	wake  chan struct{} // capacity 1: something is to be placed

	mu     sync.RWMutex
	routes map[string]Route
	places map[string]*shard // of routes that have one
	shards map[string]*shard // by address of the master
}

// shard is one of them.
type shard struct {
	*Subscriber
	addr string
	stop context.CancelFunc // ends its goroutine
}

// NewShards returns the listener of a hub that subscribes to shard channels; transient as for NewSubscriber.
func NewShards(h *Hub, transient bool) *Shards {
	s := &Shards{
		hub:       h,
		transient: transient,
		wake:      make(chan struct{}, 1),
		routes:    make(map[string]Route),
		places:    make(map[string]*shard),
		shards:    make(map[string]*shard),
	}
	s.cluster, _ = h.client.(*redis.ClusterClient)
	if s.cluster == nil {
		s.shards[""] = s.newShard("", h.client)
		s.known.Store(true)
	}
	return s
}

func (s *Shards) newShard(addr string, client redis.UniversalClient) *shard {
	log := s.hub.log
	if addr != "" {
		log = log.With(slog.String("master", addr))
	}
	sub := newSubscriber(s.hub, client, log, s.transient)
	sub.changed = s.hub.Refresh
	sub.oneByOne = s.cluster != nil
	sub.lost = func() {
		s.hub.Lost()
		s.signal()
	}
	return &shard{Subscriber: sub, addr: addr, stop: func() {}}
}

// signal makes run place the channels again.
func (s *Shards) signal() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// master returns the address of the server that has a channel.
func (s *Shards) master(ctx context.Context, channel string) (addr string, err error) {
	if s.cluster == nil {
		return "", nil
	}
	client, err := s.cluster.MasterForKey(ctx, channel)
	if err != nil {
		return "", err
	}
	return client.Options().Addr, nil
}

// Set subscribes to a route now and after every reconnection, or gives it up, as wanted says. That is
// asked while nothing else changes, so it is what wanted says last that counts. It does not wait for
// Redis.
func (s *Shards) Set(r Route, wanted func() bool) {
	ctx := s.hub.ctx
	s.mu.RLock()
	_, there := s.routes[r.Name]
	s.mu.RUnlock()
	if there == wanted() {
		return // mostly
	}
	addr, placed, news := "", false, !r.Passing
	if s.known.Load() {
		var err error
		addr, err = s.master(ctx, r.Name)
		placed = err == nil
	}
	s.mu.Lock()
	_, there = s.routes[r.Name]
	at := s.places[r.Name]
	switch want := wanted(); {
	case want == there:
		s.mu.Unlock()
		return
	case !want:
		delete(s.routes, r.Name)
		delete(s.places, r.Name)
		if at != nil && at.take(r.Name) {
			news = true
		}
	default:
		s.routes[r.Name] = r
		if at = s.shards[addr]; placed && at != nil {
			s.places[r.Name] = at
			at.put(r, !r.Passing)
		} else {
			at = nil
		}
	}
	s.mu.Unlock()
	if news {
		s.hub.Refresh()
	}
	if at != nil {
		_ = at.flush(ctx) // a failure ends the connection, and all is asked for on the next
	} else {
		s.signal()
	}
}

// Add subscribes to routes, and Remove gives them up.
func (s *Shards) Add(routes ...Route) {
	for _, r := range routes {
		s.Set(r, func() bool { return true })
	}
}

// Remove gives up routes.
func (s *Shards) Remove(routes ...Route) {
	for _, r := range routes {
		s.Set(r, func() bool { return false })
	}
}

// Drop gives up all routes of an owner.
func (s *Shards) Drop(owner any) {
	s.mu.Lock()
	touched := make(map[*shard]bool)
	for name, r := range s.routes {
		if r.Owner != owner {
			continue
		}
		delete(s.routes, name)
		if at := s.places[name]; at != nil {
			at.take(name)
			touched[at] = true
		}
		delete(s.places, name)
	}
	s.mu.Unlock()
	s.hub.Refresh()
	for at := range touched {
		_ = at.flush(s.hub.ctx)
	}
}

// Await returns when Redis has confirmed the subscriptions to channels that are wanted, when their
// connection is lost, or after a while.
func (s *Shards) Await(channels []string, atMost time.Duration) {
	ctx, cancel := context.WithTimeout(s.hub.ctx, atMost)
	defer cancel()
	for _, name := range channels {
		s.mu.RLock()
		at := s.places[name]
		s.mu.RUnlock()
		if at == nil {
			continue
		}
		if ch := at.confirmation(name); ch != nil {
			select {
			case <-ch:
			case <-ctx.Done():
				return
			}
		}
	}
}

// Health returns nil when every subscription is confirmed that health waits for.
func (s *Shards) Health() error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if !s.known.Load() {
		return errNotPlaced
	}
	if lacking := len(s.routes) - len(s.places); lacking > 0 {
		return fmt.Errorf("%d of %d subscriptions are not asked for yet", lacking, len(s.routes))
	}
	for addr, at := range s.shards {
		if err := at.Health(); err != nil {
			if addr == "" {
				return err
			}
			return fmt.Errorf("master at %s: %w", addr, err)
		}
	}
	return nil
}

// Run keeps the connections until ctx ends.
func (s *Shards) Run(ctx context.Context) {
	if s.cluster == nil {
		s.shards[""].Run(ctx)
		return
	}
	var running sync.WaitGroup
	defer running.Wait()
	ticker := time.NewTicker(placeInterval)
	defer ticker.Stop()
	var pause redisconn.Backoff
	for ctx.Err() == nil {
		if err := s.place(ctx, &running); err != nil {
			s.cluster.ReloadState(ctx)
			pause.Wait(ctx)
			continue
		}
		pause.Reset()
		select {
		case <-ctx.Done():
		case <-s.wake:
		case <-ticker.C:
		}
	}
}

// masters returns all of them by address.
func (s *Shards) masters(ctx context.Context) (map[string]*redis.Client, error) {
	var mu sync.Mutex
	masters := make(map[string]*redis.Client)
	err := s.cluster.ForEachMaster(ctx, func(_ context.Context, client *redis.Client) error {
		mu.Lock()
		defer mu.Unlock()
		masters[client.Options().Addr] = client
		return nil
	})
	return masters, err
}

// place begins with masters that are new, moves every Route to the one that has it, and ends with those that are
// none any more.
func (s *Shards) place(ctx context.Context, running *sync.WaitGroup) error {
	masters, err := s.masters(ctx)
	if err != nil {
		return err
	}
	changed := !s.known.Load()
	s.mu.Lock()
	for addr, client := range masters {
		if s.shards[addr] != nil {
			continue
		}
		at := s.newShard(addr, client)
		s.shards[addr] = at
		var ends context.Context
		ends, at.stop = context.WithCancel(ctx)
		running.Go(func() { at.Run(ends) }) // ends with ctx, or when this is no master any more
		changed = true
	}
	s.mu.Unlock()

	s.mu.RLock()
	names := make([]string, 0, len(s.routes))
	for name := range s.routes {
		names = append(names, name)
	}
	s.mu.RUnlock()

	touched := make(map[*shard]bool)
	for _, name := range names {
		addr, err := s.master(ctx, name)
		if err != nil {
			return err
		}
		s.mu.Lock()
		r, wanted := s.routes[name]
		from, to := s.places[name], s.shards[addr]
		if !wanted || from != nil && from == to {
			s.mu.Unlock()
			continue
		}
		if to == nil { // it has become one just now
			s.mu.Unlock()
			return errNotPlaced
		}
		if from != nil {
			from.take(name) // what follows is news in any case
			touched[from] = true
		}
		s.places[name] = to
		to.put(r, true)
		touched[to] = true
		changed = true
		s.mu.Unlock()
	}
	s.known.Store(true)

	s.mu.Lock()
	for addr, at := range s.shards {
		if masters[addr] == nil && at.idle() {
			at.stop()
			delete(s.shards, addr)
			delete(touched, at)
			changed = true
		}
	}
	s.mu.Unlock()
	if changed {
		s.hub.Refresh()
	}
	for at := range touched {
		_ = at.flush(ctx)
	}
	return nil
}

// idle reports whether nothing is subscribed to, but for the probe.
func (s *Subscriber) idle() bool {
	s.mu.RLock()
	defer s.mu.RUnlock()
	for name := range s.routes {
		if s.probe == nil || name != s.probe.channel {
			return false
		}
	}
	return true
}
