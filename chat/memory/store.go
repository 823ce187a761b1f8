// Package memory keeps the state of the chat product in the memory of one node, with the bounds and the behaviour that
// package chat/redis has. It is lost with the process.
package memory

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync"
	"time"

	"chorus/chat/notice"
	"chorus/chat/store"
)

// Options configure New. The zero value is useful.
type Options struct {
	store.Limits

	// Tell is called with what back ends are told, in the order in which it happens, under a lock: it must not block.
	// Default nothing.
	Tell func(*notice.Notice)
	// Targets are the back ends; default none.
	Targets *notice.Targets
}

// maxWaiting is how many calls of the sink may wait; beyond them operations are refused.
const maxWaiting = 10_000

// tick is how exact the end of a grace is.
const tick = 100 * time.Millisecond

// Store implements store.Store.
type Store struct {
	opts   Options
	limits store.Limits
	sink   store.Sink
	cancel context.CancelFunc
	wg     sync.WaitGroup
	wake   chan struct{} // there is something for the sink; holds one

	mu       sync.Mutex
	waiting  []func(store.Sink)
	topics   map[string]int // how often each is followed
	logs     map[string]*log
	rooms    map[string]*room
	sockets  map[socketIn]string
	leaving  map[userIn]time.Time
	status   map[string][]byte // of users, everywhere
	markers  map[string]map[string]marker
	rules    map[string]*rules
	turns    map[turn]time.Time
	once     map[string]*once
	epochs   epochs
	onceKeys []string                        // in the order in which they began
	placed   map[string]map[string]time.Time // when it ends, by user and room
}

var _ store.Store = (*Store)(nil)

// New returns a store. Start begins its work.
func New(opts Options) *Store {
	limits := opts.WithDefaults()
	return &Store{
		opts: opts, limits: limits, wake: make(chan struct{}, 1), epochs: epochs{names: make(map[string]string), most: limits.Rooms},
		topics: make(map[string]int), logs: make(map[string]*log), rooms: make(map[string]*room), sockets: make(map[socketIn]string),
		leaving: make(map[userIn]time.Time), status: make(map[string][]byte), markers: make(map[string]map[string]marker),
		rules: make(map[string]*rules), turns: make(map[turn]time.Time), once: make(map[string]*once),
		placed: make(map[string]map[string]time.Time),
	}
}

// Start implements store.Store.
func (s *Store) Start(sink store.Sink) {
	ctx, cancel := context.WithCancel(context.Background())
	s.sink, s.cancel = sink, cancel
	s.wg.Go(func() { s.run(ctx) }) // ends with Close
}

// Close implements store.Store.
func (s *Store) Close(ctx context.Context) error {
	if s.cancel != nil {
		s.cancel()
	}
	done := make(chan struct{})
	go func() { // ends when the goroutine has
		defer close(done)
		s.wg.Wait()
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("chat: close the store: %w", ctx.Err())
	}
}

// run calls the sink and ends graces.
func (s *Store) run(ctx context.Context) {
	ticker := time.NewTicker(tick)
	defer ticker.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case now := <-ticker.C:
			s.endGraces(now)
		case <-s.wake:
			s.mu.Lock()
			waiting := s.waiting
			s.waiting = nil
			s.mu.Unlock()
			for _, tell := range waiting {
				tell(s.sink)
			}
		}
	}
}

// tell has the sink called if one of the topics is followed. The mutex is held.
func (s *Store) tell(topics []string, fn func(store.Sink)) {
	for _, topic := range topics {
		if s.topics[topic] > 0 {
			s.waiting = append(s.waiting, fn)
			select {
			case s.wake <- struct{}{}:
			default: // it is going to look anyway
			}
			return
		}
	}
}

// overloaded returns an error when the sink does not keep up. The mutex is held.
func (s *Store) overloaded() error {
	if len(s.waiting) >= maxWaiting {
		return store.ErrOverloaded
	}
	return nil
}

// Follow implements store.Feed.
func (s *Store) Follow(_ context.Context, topic string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.topics[topic]++
	return nil
}

// Unfollow implements store.Feed.
func (s *Store) Unfollow(topic string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.topics[topic]--; s.topics[topic] <= 0 {
		delete(s.topics, topic)
	}
}

// Signal implements store.Feed.
func (s *Store) Signal(topic string, data []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.overloaded() == nil {
		s.tell([]string{topic}, func(sink store.Sink) { sink.Signalled(topic, data) })
	}
}

func newEpoch() string { return strings.ToLower(rand.Text()[:10]) }

func milli() int64 { return time.Now().UnixMilli() }
