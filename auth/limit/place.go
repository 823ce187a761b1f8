package limit

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"time"
)

// ask has Redis decide about a new connection, unless it is known not to answer. lease is empty when Redis cannot have
// the connection.
func (c *cluster) ask(ctx context.Context, h *holder) (said verdict, lease string, since int64) {
	c.awaitBegin(ctx)
	c.limit.mu.Lock()
	lease, up := c.lease, c.up
	c.limit.mu.Unlock()
	since = time.Now().UnixMicro()
	if !up || c.nodes.Health() != nil {
		return verdictNone, "", since
	}
	// A client that leaves meanwhile is no reason to doubt what Redis has.
	answer, err := c.place(context.WithoutCancel(ctx), c.key(h.subject), memberOf(lease, h.number))
	switch {
	case err != nil:
		c.limit.stats.Errors.Add(1)
		c.doubt()
		return verdictNone, lease, since
	case answer[0] == "in" && len(answer) == 2:
		if n, err := strconv.ParseInt(answer[1], 10, 64); err == nil {
			since = n
		}
		return verdictIn, lease, since
	}
	return verdictFull, "", since
}

// awaitBegin has clients that come to a node right after its start wait until it counts over the cluster, for as long as
// a call of Redis may take.
func (c *cluster) awaitBegin(ctx context.Context) {
	left := c.times.call - time.Since(c.start)
	if left <= 0 {
		return
	}
	timer := time.NewTimer(left)
	defer timer.Stop()
	select {
	case <-c.begun:
	case <-timer.C:
	case <-ctx.Done():
	}
}

// place runs the script of that name. When the set is full, it looks first which of the members still count.
func (c *cluster) place(ctx context.Context, key, member string) (answer []string, err error) {
	ctx, cancel := context.WithTimeout(ctx, c.times.call)
	defer cancel()
	args := []any{c.times.ttl.Milliseconds(), c.limit.max, string(c.limit.policy), c.channel, member, ""}
	answer, err = placeScript.Run(ctx, c.client, []string{key}, args...).StringSlice()
	if err != nil || len(answer) == 0 || answer[0] != "full" {
		return checked(answer, err)
	}
	dead, err := c.dead(ctx, answer[1:])
	if err != nil {
		return nil, err
	}
	if len(dead) == 0 && c.limit.policy == PolicyRefuse {
		return answer, nil
	}
	args[5] = "judged"
	for _, member := range dead {
		args = append(args, member)
	}
	return checked(placeScript.Run(ctx, c.client, []string{key}, args...).StringSlice())
}

func checked(answer []string, err error) ([]string, error) {
	if err == nil && len(answer) == 0 {
		err = errors.New("redis gave an empty answer")
	}
	return answer, err
}

// dead returns the members that count no more: those of leases that have ended, and those of this node that are not
// among its connections, which a call that Redis did late can leave behind.
func (c *cluster) dead(ctx context.Context, members []string) (dead []string, err error) {
	synced := false
	for _, member := range members {
		lease, text, _ := strings.Cut(member, "/")
		if !c.nodes.Alive(lease) && !synced { // perhaps a node that has just come
			if err := c.nodes.Sync(ctx); err != nil {
				return nil, err
			}
			synced = true
		}
		if !c.nodes.Alive(lease) || !c.mine(lease, text) {
			dead = append(dead, member)
		}
	}
	return dead, nil
}

// mine reports whether a member of this node is one of its connections. Members of other nodes pass.
func (c *cluster) mine(lease, text string) bool {
	c.limit.mu.Lock()
	defer c.limit.mu.Unlock()
	if lease != c.lease {
		return true
	}
	number, err := strconv.ParseUint(text, 10, 64)
	return err == nil && c.numbers[number] != nil
}
