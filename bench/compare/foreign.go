package main

import (
	"context"
	"time"

	"chorus/bench"

	"github.com/redis/go-redis/v9"
	"github.com/tinylib/msgp/msgp"
)

// What foreign publishes.
const (
	denseRate      = 50_000 // messages per second
	denseBatch     = 100    // published together
	sparseRate     = 5000
	sparseBatch    = 10
	foreignTime    = 8 * time.Second
	foreignChannel = "socket.io#/#nobody#"
)

// foreign publishes messages for a room that nobody of the node is in, so many per second of which
// batch at a time, and measures the node. Its report has a message in the place of a delivery.
func foreign(rate, batch int) special {
	return func(ctx context.Context, l *lab, c *cluster, quick bool) (*bench.Report, error) {
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
	message := foreignMessage()
	// What the node does anyway is not the messages' doing.
	idle, err := usageDuring(c.pids, func() error { return sleep(ctx, duration/4) })
	if err != nil {
		return nil, err
	}
	messages := 0
	busy, err := usageDuring(c.pids, func() error {
		begin := time.Now()
		for time.Since(begin) < duration {
			_, err := client.Pipelined(ctx, func(p redis.Pipeliner) error {
				for range batch {
					p.Publish(ctx, foreignChannel, message)
				}
				return nil
			})
			if err != nil {
				return err
			}
			messages += batch
			due := begin.Add(time.Duration(messages) * time.Second / time.Duration(rate))
			if err := sleep(ctx, time.Until(due)); err != nil {
				return err
			}
		}
		return nil
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

// foreignMessage is a broadcast to the room as the Node.js adapter writes it: [uid, packet, options].
func foreignMessage() []byte {
	b := msgp.AppendString(msgp.AppendArrayHeader(nil, 3), "abcdef")
	b = msgp.AppendMapHeader(b, 3)
	b = msgp.AppendInt(msgp.AppendString(b, "type"), 2)
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "data"), 2)
	b = msgp.AppendString(b, "message")
	b = msgp.AppendMapHeader(b, 1)
	b = msgp.AppendString(msgp.AppendString(b, "text"), "a message of about a hundred bytes, as in the other scenarios, for somebody who is elsewhere")
	b = msgp.AppendString(msgp.AppendString(b, "nsp"), "/")
	b = msgp.AppendMapHeader(b, 3)
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "rooms"), 1)
	b = msgp.AppendString(b, "nobody")
	b = msgp.AppendArrayHeader(msgp.AppendString(b, "except"), 0)
	return msgp.AppendMapHeader(msgp.AppendString(b, "flags"), 0)
}
