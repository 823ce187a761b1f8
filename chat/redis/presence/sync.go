package presence

import (
	"context"
	"encoding/json"
	"log/slog"
	"maps"
	"slices"
	"time"

	"chorus/chat/redis/script"
	"chorus/chat/store"
	"chorus/registry"
)

const (
	presenceTick = 100 * time.Millisecond // how exact the grace is
	cleanPause   = time.Second            // between attempts, while Redis does not answer
	lookInterval = 5 * time.Second        // between two looks for leases of nodes that nobody saw die
	rewriteAfter = 5 * time.Minute        // everything is written again, in case that Redis lost a part of it
	drainGrace   = 4 * time.Second        // see leftNode
	writeAtOnce  = 500                    // users
	statusKept   = 24 * time.Hour         // how long Redis keeps the data of a user without a change
)

// leftNode is a lease that has ended. With patience, its users get drainGrace: the node ended in order, and they connect
// to another one; or the node took another lease, and is about to write its users again.
type leftNode struct {
	lease    string
	patience bool
}

// loadStatus reads the data that a user has everywhere, unless the user is here already.
func (p *Users) loadStatus(ctx context.Context, user string) error {
	p.mu.Lock()
	known := p.ofUser[user] != nil
	p.mu.Unlock()
	if known {
		return nil
	}
	cmd, err := p.opts.Calls.Do(ctx, getScript, []string{p.opts.Keys.Of("status", user)})
	if err != nil {
		return err
	}
	if data, err := cmd.Text(); err == nil { // redis.Nil: there is none
		p.mu.Lock()
		p.data[user] = data
		p.mu.Unlock()
	}
	return nil
}

// SetStatus implements store.Presence.
func (p *Users) SetStatus(ctx context.Context, user, room string, data []byte) error {
	if len(data) > p.opts.StatusBytes {
		return &store.LimitError{Limit: int64(p.opts.StatusBytes), What: "bytes of presence data", Key: "status"}
	}
	if room != "" {
		_, err := p.opts.Calls.Do(ctx, dataScript, []string{p.opts.Keys.Of("in", room)}, user, data, p.opts.Keys.Channel(room))
		return err
	}
	payload, err := json.Marshal(statusPayload{User: user, Data: string(data)})
	if err != nil {
		return err
	}
	if _, err := p.opts.Calls.Do(ctx, statusScript, []string{p.opts.Keys.Of("status", user)}, data, statusKept.Milliseconds(),
		p.opts.Keys.All(), string(PayloadStatus)+string(payload)); err != nil {
		return err
	}
	return p.apply(ctx, statusPayload{User: user, Data: string(data)})
}

// Heard takes what came on the channel of all nodes. It does not block.
func (p *Users) Heard(payload string) {
	var status statusPayload
	if err := json.Unmarshal([]byte(payload), &status); err != nil {
		p.opts.Malformed.Add(1)
		return
	}
	p.mu.Lock()
	here := p.ofUser[status.User] != nil
	p.mu.Unlock()
	if here {
		select {
		case p.status <- status:
		default: // the user has it in rooms that are entered later
		}
	}
}

// apply writes the data of a user to all rooms in which the user is here.
func (p *Users) apply(ctx context.Context, status statusPayload) error {
	p.mu.Lock()
	rooms := slices.Clone(p.ofUser[status.User])
	if len(rooms) > 0 {
		p.data[status.User] = status.Data
	}
	p.mu.Unlock()
	for _, room := range rooms {
		if _, err := p.opts.Calls.Do(ctx, dataScript, []string{p.opts.Keys.Of("in", room)}, status.User, status.Data, p.opts.Keys.Channel(room)); err != nil {
			return err
		}
	}
	return nil
}

// Run is the goroutine: it ends graces, writes what Redis was not told, follows the lease of this node, and removes the
// users of nodes that died.
func (p *Users) Run(ctx context.Context) {
	stop := p.opts.Nodes.Watch(func(c registry.Change) {
		for _, n := range c.Left {
			back := slices.ContainsFunc(c.Came, func(other registry.Node) bool { return other.ID == n.ID })
			select {
			case p.left <- leftNode{n.Lease, back || n.Draining}:
			default: // look finds it
			}
		}
	})
	defer stop()
	tick, look, rewrite := time.NewTicker(presenceTick), time.NewTicker(lookInterval), time.NewTicker(rewriteAfter)
	defer tick.Stop()
	defer look.Stop()
	defer rewrite.Stop()
	dead, suspects := make(map[string]time.Time), make(map[string]bool) // when to clean leases; leases that look dead
	retry := time.Now()
	for {
		select {
		case <-ctx.Done():
			return
		case n := <-p.left:
			dead[n.lease] = time.Now()
			if n.patience {
				dead[n.lease] = time.Now().Add(drainGrace)
			}
		case status := <-p.status:
			_ = p.apply(ctx, status) // else the next rewrite does
		case <-rewrite.C:
			p.writeAll(ctx)
		case <-look.C:
			suspects = p.look(ctx, suspects, dead)
		case now := <-tick.C:
			p.endGraces(ctx, now)
			if lease := p.opts.Nodes.Self().Lease; lease != p.current() {
				dead[p.current()] = now
				p.take(lease)
				p.writeAll(ctx)
			}
			if now.After(retry) {
				retry = now.Add(cleanPause)
				p.writeUnsaved(ctx)
			}
			for lease, due := range dead {
				if now.Before(due) {
					continue
				}
				if p.opts.Nodes.Alive(lease) || p.clean(ctx, lease) == nil {
					delete(dead, lease)
				} else {
					dead[lease] = now.Add(cleanPause)
				}
			}
		}
	}
}

func (p *Users) current() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.lease
}

// take has everything written under another lease from now on.
func (p *Users) take(lease string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.lease, p.indexed = lease, false
	clear(p.noted)
}

// endGraces has the users leave whose grace is over.
func (p *Users) endGraces(ctx context.Context, now time.Time) {
	p.mu.Lock()
	var over []userIn
	for at := range p.leaving {
		if !p.users[at].gone.After(now) {
			p.forget(at)
			over = append(over, at)
		}
	}
	p.mu.Unlock()
	p.writeEach(ctx, over)
}

// writeAll writes everything again.
func (p *Users) writeAll(ctx context.Context) {
	p.mu.Lock()
	p.indexed = false
	clear(p.noted)
	all := slices.Collect(maps.Keys(p.users))
	p.mu.Unlock()
	p.writeEach(ctx, all)
}

func (p *Users) writeUnsaved(ctx context.Context) {
	p.mu.Lock()
	unsaved := slices.Collect(maps.Keys(p.unsaved))
	p.mu.Unlock()
	p.writeEach(ctx, unsaved)
}

// writeEach writes users in rooms, some at once. After a failure the rest stays unsaved.
func (p *Users) writeEach(ctx context.Context, list []userIn) {
	for page := range slices.Chunk(list, writeAtOnce) {
		type sent struct {
			own *script.Call
			err error
		}
		calls := make([]sent, len(page))
		p.mu.Lock()
		for i, at := range page {
			calls[i].own, calls[i].err = p.write(at)
		}
		p.mu.Unlock()
		for i, at := range page {
			_, _ = p.outcome(ctx, at, calls[i].own, calls[i].err) // it stays unsaved
		}
	}
}

// look finds leases that have users and no living node: those that looked dead twice.
func (p *Users) look(ctx context.Context, before map[string]bool, dead map[string]time.Time) map[string]bool {
	if p.opts.Nodes.Health() != nil {
		return before
	}
	call, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	leases, err := p.opts.Client.SMembers(call, p.opts.Keys.Of("index", "leases")).Result()
	if err != nil {
		return before
	}
	if !slices.Contains(leases, p.current()) {
		p.writeAll(ctx) // Redis has lost everything, or there is nobody yet
	}
	suspects := make(map[string]bool)
	for _, lease := range leases {
		if p.opts.Nodes.Alive(lease) {
			continue
		}
		if _, known := dead[lease]; !known && before[lease] {
			dead[lease] = time.Now()
		}
		suspects[lease] = true
	}
	return suspects
}

// clean removes the users of a lease that is dead. All nodes may do so at once: each user is removed by one of them.
func (p *Users) clean(ctx context.Context, lease string) error {
	key := p.opts.Keys.Of("lease", lease)
	for {
		call, cancel := context.WithTimeout(ctx, script.CallTimeout)
		rooms, err := p.opts.Client.SRandMemberN(call, key, 100).Result()
		cancel()
		if err != nil {
			return err
		}
		if len(rooms) == 0 {
			break
		}
		for _, room := range rooms {
			if err := p.cleanRoom(ctx, room, lease); err != nil {
				return err
			}
			call, cancel := context.WithTimeout(ctx, script.CallTimeout)
			err := p.opts.Client.SRem(call, key, room).Err()
			cancel()
			if err != nil {
				return err
			}
		}
	}
	call, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	return p.opts.Client.SRem(call, p.opts.Keys.Of("index", "leases"), lease).Err()
}

func (p *Users) cleanRoom(ctx context.Context, room, lease string) error {
	for {
		cmd, err := p.opts.Calls.Do(ctx, cleanScript, []string{p.opts.Keys.Of("in", room)}, lease, p.opts.Keys.Channel(room), p.opts.Spec(room))
		if err != nil {
			return err
		}
		counts, err := cmd.Int64Slice()
		if err != nil || len(counts) != 2 {
			return script.Unavailable(err)
		}
		if counts[1] > 0 {
			p.opts.Cleaned.Add(uint64(counts[1])) //nolint:gosec // not negative
			p.opts.Logger.Debug("users of a node that died have left", slog.String("room", room), slog.Int64("users", counts[1]))
		}
		p.opts.Relay(room)
		if counts[0] == 0 {
			return nil
		}
	}
}
