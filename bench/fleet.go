package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// fleet is all clients of a run.
type fleet struct {
	opts    *Options
	dialect dialect
	servers []*url.URL
	clock   clock

	receivers []*receiver
	pollers   []*poller

	// What clients of long-polling have in common.
	http        *http.Client
	polls       context.Context //nolint:containedctx // their requests end with it
	endPolls    context.CancelFunc
	pollsToWait sync.WaitGroup

	mu      sync.Mutex
	conns   []*conn
	rooms   []uint64 // members by number of the room, without the stalled; one room when there are none
	failed  int
	failure error // the first
}

// maxOrders bounds the memory for the order of messages: connections times senders.
const maxOrders = 16 << 20

func newFleet(o *Options, d dialect, c clock, w *window) (*fleet, error) {
	f := &fleet{opts: o, dialect: d, clock: c, rooms: make([]uint64, max(1, o.Rooms))}
	f.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 2 * o.Connections, DisableCompression: true}}
	f.polls, f.endPolls = context.WithCancel(context.Background())
	for _, text := range o.URLs {
		server, err := parseServer(text)
		if err != nil {
			f.close()
			return nil, err
		}
		f.servers = append(f.servers, server)
	}
	counts := delivery
	if o.Echo {
		counts = answer
	}
	for range o.Readers {
		r := &receiver{dialect: d, counts: counts, clock: c, window: w}
		p, err := newPoller(r, o.Connections)
		if err != nil {
			f.close()
			return nil, err
		}
		f.receivers, f.pollers = append(f.receivers, r), append(f.pollers, p)
	}
	return f, nil
}

// connect connects all clients. It fails when ctx ends or none of them could connect.
func (f *fleet) connect(ctx context.Context) error {
	var running sync.WaitGroup
	slots := make(chan struct{}, f.opts.ConnectConcurrency)
	pace := schedule{start: f.clock.now(), rate: f.opts.ConnectRate}
	for i := range f.opts.Connections {
		if pace.rate > 0 {
			_ = f.clock.sleepUntil(ctx, pace.at(uint64(i))) //nolint:gosec // not negative; ctx is looked at below
		}
		select {
		case slots <- struct{}{}:
		case <-ctx.Done():
			running.Wait()
			return ctx.Err()
		}
		running.Go(func() { // ends with ConnectTimeout at the latest
			defer func() { <-slots }()
			if err := f.add(ctx, i); err != nil {
				f.fail(err)
			}
		})
	}
	running.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	if len(f.conns) == 0 {
		return fmt.Errorf("%w: %w", ErrConnect, f.failure)
	}
	return nil
}

func (f *fleet) fail(err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.failed++
	if f.failure == nil {
		f.failure = err
	}
}

// add connects client i. Its number decides its server and its rooms; the last ones are stalled, so
// that the first ones can send.
func (f *fleet) add(ctx context.Context, i int) error {
	ctx, cancel := context.WithTimeout(ctx, f.opts.ConnectTimeout)
	defer cancel()
	c := &conn{poller: i % len(f.pollers), stalled: i >= f.opts.Connections-f.opts.Stalled, rooms: roomsOf(f.opts, i)}
	client := member{rooms: roomNames(f.opts, c.rooms)}
	if f.opts.Token != nil {
		token, err := f.opts.Token(i)
		if err != nil {
			return err
		}
		client.token = token
	}
	if f.opts.Senders*f.opts.Connections <= maxOrders {
		c.last = make([]uint32, f.opts.Senders)
	}
	server := f.servers[i%len(f.servers)]
	if err := f.open(ctx, c, server, sourceOf(i/len(f.servers), server), client); err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.conns = append(f.conns, c)
	if !c.stalled {
		for _, room := range c.rooms {
			f.rooms[room]++
		}
	}
	return nil
}

func parseServer(text string) (*url.URL, error) {
	server, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w: URLs: %w", ErrOptions, err)
	}
	return server, nil
}

// open connects a client to its server, from an address or nil.
func (f *fleet) open(ctx context.Context, c *conn, server *url.URL, from net.Addr, client member) error {
	if f.opts.Polling {
		p, err := openPolling(ctx, f.polls, f.http, f.dialect, server, client)
		if err != nil {
			return err
		}
		c.polling, c.socket = true, p
		p.run(&f.pollsToWait, f.receivers[c.poller], c)
		return nil
	}
	h, err := connect(ctx, f.dialect, server, client, from, f.opts.Deflate)
	if err != nil {
		return err
	}
	c.key, c.deflate, c.partial = h.key, h.deflate, h.unread()
	if err := f.pollers[c.poller].adopt(h, c); err != nil {
		return errors.Join(err, h.conn.Close())
	}
	return nil
}

// senders returns up to n clients that are not stalled.
func (f *fleet) senders(n int) []*conn {
	senders := make([]*conn, 0, n)
	for _, c := range f.conns {
		if len(senders) < n && !c.stalled {
			senders = append(senders, c)
		}
	}
	return senders
}

// members is how many clients receive a message to a room.
func (f *fleet) members(room int) uint64 { return f.rooms[room] }

func (f *fleet) connected() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.conns)
}

func (f *fleet) arrived() (n uint64) {
	for _, r := range f.receivers {
		n += r.arrived.Load()
	}
	return n
}

func (f *fleet) dropped() (n int) {
	for _, r := range f.receivers {
		n += int(r.dropped.Load())
	}
	return n
}

func (f *fleet) evicted() (n int) {
	for _, r := range f.receivers {
		n += int(r.evicted.Load())
	}
	return n
}

// settle waits until as many deliveries have arrived, at most for the drain timeout, and not for
// ones that nothing hints at any more.
func (f *fleet) settle(ctx context.Context, expected uint64) {
	last, progress := f.arrived(), f.clock.now()
	for end := progress + int64(f.opts.DrainTimeout); last < expected && ctx.Err() == nil; {
		sleep(settlePause)
		now := f.clock.now()
		if a := f.arrived(); a != last {
			last, progress = a, now
		}
		if now >= end || now-progress > int64(settleQuiet) {
			return
		}
	}
}

const (
	settlePause = 5 * time.Millisecond
	settleQuiet = 3 * time.Second
	resumeTime  = 2 * time.Second
)

// resume lets stalled clients read for a while: whether the server has closed their connections
// shows only behind what it had sent before.
func (f *fleet) resume(ctx context.Context) {
	if f.opts.Stalled == 0 {
		return
	}
	for _, c := range f.conns {
		if c.stalled {
			f.pollers[c.poller].resume(c)
		}
	}
	_ = f.clock.sleepUntil(ctx, f.clock.now()+int64(resumeTime)) // ctx is looked at later
}

// stop ends the receiving: what the receivers hold may be read from then on.
func (f *fleet) stop() {
	for _, p := range f.pollers {
		p.close()
	}
	f.pollers = nil
	f.endPolls()
	f.pollsToWait.Wait()
	f.http.CloseIdleConnections()
}

// close ends everything.
func (f *fleet) close() {
	f.stop()
	for _, c := range f.conns {
		c.close()
	}
}
