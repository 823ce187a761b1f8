package main

import (
	"context"
	"time"

	"chorus/adapter/wire"
	"chorus/bench"

	"github.com/redis/go-redis/v9"
)

// What foreign publishes.
const (
	denseRate   = 50_000 // messages per second
	denseBatch  = 100    // published together
	sparseRate  = 5000
	sparseBatch = 10
	foreignTime = 8 * time.Second
)

// foreign publishes messages for a room that nobody of the node is in, so many per second of which
// batch at a time, and measures the node. Its report has a message in the place of a delivery.
func foreign(rate, batch int) special {
	return func(ctx context.Context, l *lab, c *cluster, _ bench.Options, quick bool) (*bench.Report, error) {
		return measureForeign(ctx, l, c, quick, rate, batch)
	}
}

func measureForeign(ctx context.Context, l *lab, c *cluster, quick bool, rate, batch int) (*bench.Report, error) {
	duration := foreignTime
	if quick {
		duration /= 3
	}
	client := redis.NewClient(&redis.Options{Addr: l.redis.address})
	defer client.Close() //nolint:errcheck // nothing is lost with it
	command, err := messageFor(wire.Dialect{})
	if err != nil {
		return nil, err
	}
	// What the node does anyway is not the messages' doing.
	idle, err := usageDuring(c.pids, func() error { return sleep(ctx, duration/4) })
	if err != nil {
		return nil, err
	}
	messages := 0
	busy, err := usageDuring(c.pids, func() (err error) {
		messages, err = publish(ctx, client, command, rate, batch, duration)
		return err
	})
	if err != nil {
		return nil, err
	}
	cpu := busy - 4*idle
	return &bench.Report{Server: &bench.ServerReport{
		CPUMicrosPerDelivery: float64(cpu) / float64(time.Microsecond) / float64(messages),
		CPUSeconds:           cpu.Seconds(),
	}}, nil
}

// usageDuring returns the CPU time that the processes use while work is done.
func usageDuring(pids []int, work func() error) (time.Duration, error) {
	before, err := bench.UsageOf(pids)
	if err != nil {
		return 0, err
	}
	if err := work(); err != nil {
		return 0, err
	}
	after, err := bench.UsageOf(pids)
	return after.CPU - before.CPU, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// publish runs a command so many times per second, batch of them at a time.
func publish(ctx context.Context, client *redis.Client, command []any, rate, batch int, duration time.Duration) (sent int, err error) {
	for begin := time.Now(); time.Since(begin) < duration; {
		if _, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
			for range batch {
				p.Do(ctx, command...)
			}
			return nil
		}); err != nil {
			return sent, err
		}
		sent += batch
		due := begin.Add(time.Duration(sent) * time.Second / time.Duration(rate))
		if err := sleep(ctx, time.Until(due)); err != nil {
			return sent, err
		}
	}
	return sent, nil
}

// messageFor returns the command that publishes a message for a room of which nobody is a member.
func messageFor(w wire.Dialect) ([]any, error) {
	return w.RedisCommand(wire.Command{Rooms: []string{"nobody"}, Args: []any{
		"message", map[string]any{"text": "a message of about a hundred bytes, as in the other scenarios, for somebody who is elsewhere"},
	}})
}
