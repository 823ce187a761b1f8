package auth

import (
	"chorus/internal/background"
	"chorus/internal/redisconn"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// limitTimes are the times of a limit over a cluster.
type limitTimes struct {
	beat    time.Duration // between signs of life of a node
	dead    time.Duration // after which a node without one is dead
	call    time.Duration // that Redis may take for one call
	retry   time.Duration // between attempts to reach Redis
	refresh time.Duration // between registrations of all connections while nothing happens
	ttl     time.Duration // for which Redis keeps the connections of a subject without any change
}

var defaultLimitTimes = limitTimes{
	beat:    3 * time.Second,
	dead:    10 * time.Second,
	call:    time.Second,
	retry:   500 * time.Millisecond,
	refresh: 20 * time.Minute,
	ttl:     time.Hour,
}

const (
	// limitPage is how many connections are registered or released at once.
	limitPage = 500

	// maxWaitingReleases bounds what Redis has not been told yet. Beyond, the node joins anew instead.
	maxWaitingReleases = 10_000
)

var (
	errLimitMessage = errors.New("not a connection")
	errLimitDead    = errors.New("redis has not heard of this node for too long")
)

// limitSync tells Redis about the connections of a node. One goroutine owns that, apart from the question
// whether a new connection may come in. It knows the node by an id. Whenever it is not sure what Redis has of this
// node, because a call failed or the node counted as dead, it takes a new id and registers all
// connections again; what there is under the old id counts no more. So nothing stale can stay.
type limitSync struct {
	limit   *ConnectionLimit
	client  redis.UniversalClient
	log     *slog.Logger
	times   limitTimes
	tag     string // begins all keys; Redis Cluster keeps them in one place, which scripts need
	channel string

	wake       chan struct{} // there is something to do; holds one
	goroutines *background.Group

	// The rest is guarded by the mutex of the limit.
	id           string // of this node, empty before it has joined
	up           bool   // Redis knows all connections and is asked about new ones
	stale        bool   // Redis may have something else under this id
	closed       bool
	last         uint64 // number of a connection
	numbers      map[uint64]*holder
	unregistered map[*holder]struct{}
	released     []membership
}

// membership is a connection as Redis knows it.
type membership struct{ key, member string }

func startLimitSync(l *ConnectionLimit, opts ConnectionLimitOptions, times limitTimes) *limitSync {
	s := &limitSync{
		limit:        l,
		client:       opts.Client,
		log:          opts.Logger,
		times:        times,
		tag:          "{" + opts.Prefix + "-auth}:",
		channel:      opts.Prefix + "-auth-replaced",
		wake:         make(chan struct{}, 1),
		numbers:      make(map[uint64]*holder),
		unregistered: make(map[*holder]struct{}),
	}
	var heard chan redisconn.News // nil when nobody is ever replaced
	run := []func(context.Context){func(ctx context.Context) { s.run(ctx, heard) }}
	if opts.Policy == PolicyCloseOldest {
		heard = make(chan redisconn.News, redisconn.MaxWaitingNews)
		listener := redisconn.Subscription{Client: opts.Client, Channel: s.channel, Log: opts.Logger, Losses: &l.stats.Disconnects}
		run = append(run, func(ctx context.Context) { listener.Run(ctx, heard) })
	}
	s.goroutines = background.Start(run...)
	return s
}

func (s *limitSync) close(ctx context.Context) error {
	if err := s.goroutines.Close(ctx); err != nil {
		return fmt.Errorf("auth: close connection limit: %w", err)
	}
	return nil
}

func (s *limitSync) key(subject string) string { return s.tag + "connections:" + subject }

func memberOf(nodeID string, number uint64) string {
	return nodeID + "/" + strconv.FormatUint(number, 10)
}

// number gives a new holder its number. This and the next two are called with the mutex held.
func (s *limitSync) number(h *holder) {
	s.last++
	h.number = s.last
	s.numbers[h.number] = h
}

// decided notes what Redis knows of a holder after the decision about it.
func (s *limitSync) decided(h *holder, said verdict, nodeID string) {
	switch {
	case s.closed:
	case said == verdictIn && nodeID == s.id:
		h.nodeID = nodeID
		if h.gone {
			s.release(h)
		}
	case h.in:
		s.unregistered[h] = struct{}{}
		s.nudge()
	}
}

// removed notes that a holder is no more.
func (s *limitSync) removed(h *holder) {
	delete(s.numbers, h.number)
	delete(s.unregistered, h)
	if h.nodeID != "" {
		s.release(h)
	}
}

func (s *limitSync) release(h *holder) {
	if h.nodeID != s.id || s.stale || s.closed {
		return // it goes with the id
	}
	if len(s.released) == maxWaitingReleases {
		s.doubt()
		return
	}
	s.released = append(s.released, membership{s.key(h.subject), memberOf(h.nodeID, h.number)})
	s.nudge()
}

// doubt has the node join anew.
func (s *limitSync) doubt() {
	s.up, s.stale, s.released = false, true, nil
	s.nudge()
}

func (s *limitSync) nudge() {
	select {
	case s.wake <- struct{}{}:
	default: // it is going to look anyway
	}
}

// ask has Redis decide about a new connection, unless it is known not to answer.
func (s *limitSync) ask(ctx context.Context, h *holder) (said verdict, nodeID string, since int64) {
	s.limit.mu.Lock()
	nodeID, up := s.id, s.up
	s.limit.mu.Unlock()
	since = time.Now().UnixMicro()
	if !up {
		return verdictNone, nodeID, since
	}
	// A client that leaves meanwhile is no reason to doubt what Redis has.
	ctx = context.WithoutCancel(ctx)
	answer, err := s.script(ctx, admitScript, nodeID, []string{s.key(h.subject)}, memberOf(nodeID, h.number)).StringSlice()
	switch {
	case err == nil && len(answer) == 2 && answer[0] == "in":
		if n, err := strconv.ParseInt(answer[1], 10, 64); err == nil {
			since = n
		}
		return verdictIn, nodeID, since
	case err == nil && len(answer) == 1 && answer[0] == "full":
		return verdictFull, nodeID, since
	case err != nil:
		s.limit.stats.Errors.Add(1)
	}
	s.limit.mu.Lock()
	defer s.limit.mu.Unlock()
	if s.id == nodeID {
		s.doubt()
	}
	return verdictNone, nodeID, since
}

// script runs one of the scripts.
func (s *limitSync) script(ctx context.Context, script *redis.Script, nodeID string, keys []string, args ...any) *redis.Cmd {
	ctx, cancel := context.WithTimeout(ctx, s.times.call)
	defer cancel()
	all := append([]any{s.times.dead.Microseconds(), s.times.ttl.Milliseconds(), s.limit.max, string(s.limit.policy), s.channel, nodeID}, args...)
	return script.Run(ctx, s.client, append([]string{s.tag + "nodes"}, keys...), all...)
}

// run is the goroutine.
func (s *limitSync) run(ctx context.Context, heard <-chan redisconn.News) {
	defer s.goodbye() //nolint:contextcheck // it is said when ctx has ended
	next := time.NewTimer(0)
	defer next.Stop()
	refresh := time.NewTicker(s.times.refresh)
	defer refresh.Stop()
	complaints := redisconn.MalformedData(s.log)
	wake, failing := s.wake, false
	var beaten time.Time
	for {
		work := false
		select {
		case <-ctx.Done():
			return
		case n := <-heard:
			if n.Subscribed {
				s.refresh() // a message that was missed comes again
				work = true
			} else if err := s.replaced(n.Message); err != nil {
				s.limit.stats.Malformed.Add(1)
				complaints.Add(1, slog.String("where", s.channel), slog.Any("error", err))
			}
		case <-refresh.C:
			s.refresh()
			work = true
		case <-wake:
			work = true
		case <-next.C:
			work = true
		}
		if !work {
			continue
		}
		err := s.step(ctx, &beaten)
		if err == nil {
			wake, failing = s.wake, false
			next.Reset(time.Until(beaten.Add(s.times.beat)))
			continue
		}
		wake = nil // whatever it is can wait for the next attempt
		next.Reset(s.times.retry)
		if ctx.Err() == nil && !errors.Is(err, errLimitDead) {
			s.limit.stats.Errors.Add(1)
			if !failing {
				failing = true // one line for each outage
				s.log.Warn("connections are not counted over the cluster, trying again until they are: each node counts its own", slog.Any("error", err))
			}
		}
	}
}

// step does all that there is to do. After an error the node joins anew.
func (s *limitSync) step(ctx context.Context, beaten *time.Time) (err error) {
	defer func() {
		if err != nil {
			s.limit.mu.Lock()
			s.doubt()
			s.limit.mu.Unlock()
		}
	}()
	s.limit.mu.Lock()
	known := s.id != "" && !s.stale
	s.limit.mu.Unlock()
	if known && time.Since(*beaten) >= s.times.beat {
		if known, err = s.beat(ctx); err != nil {
			return err
		}
		*beaten = time.Now()
	}
	if !known {
		if err := s.join(ctx); err != nil {
			return err
		}
		*beaten = time.Now()
	}
	for {
		page, nodeID, released := s.pending()
		switch {
		case len(page) > 0:
			err = s.register(ctx, nodeID, page)
		case len(released) > 0:
			err = s.forget(ctx, released)
		default:
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// pending returns what Redis is to be told next. When there is nothing, Redis is asked from now on.
func (s *limitSync) pending() (page []*holder, nodeID string, released []membership) {
	s.limit.mu.Lock()
	defer s.limit.mu.Unlock()
	for h := range s.unregistered {
		delete(s.unregistered, h)
		if page = append(page, h); len(page) == limitPage {
			break
		}
	}
	if len(page) == 0 {
		n := min(len(s.released), limitPage)
		released = s.released[:n:n]
		s.released = s.released[n:]
		if n == 0 {
			s.released = nil
			s.up = !s.stale
		}
	}
	return page, s.id, released
}

func (s *limitSync) beat(ctx context.Context) (known bool, err error) {
	s.limit.mu.Lock()
	nodeID := s.id
	s.limit.mu.Unlock()
	n, err := s.script(ctx, beatScript, nodeID, nil).Int()
	return n == 1, err
}

// join takes a new id. The connections are registered under it afterwards.
func (s *limitSync) join(ctx context.Context) error {
	s.limit.mu.Lock()
	s.up = false
	former := s.id
	s.limit.mu.Unlock()
	nodeID := rand.Text()[:12]
	if err := s.script(ctx, joinScript, nodeID, nil, former).Err(); err != nil {
		return err
	}
	s.limit.mu.Lock()
	defer s.limit.mu.Unlock()
	s.id, s.stale, s.released = nodeID, false, nil
	s.refreshLocked()
	s.limit.stats.Joins.Add(1)
	s.log.Info("connections are counted over the cluster", slog.String("node", nodeID))
	return nil
}

// refresh has all connections registered again, which changes nothing where Redis knows them.
func (s *limitSync) refresh() {
	s.limit.mu.Lock()
	defer s.limit.mu.Unlock()
	s.refreshLocked()
}

func (s *limitSync) refreshLocked() {
	for _, h := range s.numbers {
		if h.in {
			s.unregistered[h] = struct{}{}
		}
	}
}

func (s *limitSync) register(ctx context.Context, nodeID string, page []*holder) error {
	keys, args := make([]string, len(page)), make([]any, 0, 2*len(page))
	for i, h := range page {
		keys[i] = s.key(h.subject)
		args = append(args, memberOf(nodeID, h.number), h.since)
	}
	n, err := s.script(ctx, registerScript, nodeID, keys, args...).Int()
	switch {
	case err != nil:
		return err
	case n == 0:
		return errLimitDead
	}
	s.limit.mu.Lock()
	defer s.limit.mu.Unlock()
	for _, h := range page {
		h.nodeID = nodeID
		if h.gone {
			s.release(h)
		}
	}
	return nil
}

func (s *limitSync) forget(ctx context.Context, released []membership) error {
	ctx, cancel := context.WithTimeout(ctx, s.times.call)
	defer cancel()
	_, err := s.client.Pipelined(ctx, func(p redis.Pipeliner) error {
		for _, m := range released {
			p.ZRem(ctx, m.key, m.member)
		}
		return nil
	})
	return err
}

// replaced handles the message that a connection was closed for a newer one. Most are about other nodes.
func (s *limitSync) replaced(message string) error {
	nodeID, text, _ := strings.Cut(message, "/")
	number, err := strconv.ParseUint(text, 10, 64)
	if err != nil || nodeID == "" {
		return errLimitMessage
	}
	l := s.limit
	l.mu.Lock()
	h := s.numbers[number]
	var leases map[*lease]struct{}
	switch {
	case h == nil || nodeID != s.id: // under a former id it was registered again, and judged again
	case h.in:
		leases = l.remove(h)
	default:
		h.replaced = true
	}
	l.mu.Unlock()
	l.tell(leases)
	return nil
}

// goodbye ends the count of this node's connections.
func (s *limitSync) goodbye() {
	s.limit.mu.Lock()
	s.up, s.closed = false, true
	nodeID := s.id
	clear(s.unregistered)
	s.released = nil
	s.limit.mu.Unlock()
	if nodeID == "" {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), s.times.call)
	defer cancel()
	_ = s.client.ZRem(ctx, s.tag+"nodes", nodeID).Err() // else the connections end like those of a node that died
}
