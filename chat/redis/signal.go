package redis

import (
	"context"

	"chorus/chat/redis/script"

	"github.com/redis/go-redis/v9"
)

const (
	maxSignals  = 1000 // that wait to be sent
	signalBatch = 256  // sent at once
)

// Signal implements store.Feed.
func (s *Store) Signal(name string, data []byte) {
	select {
	case s.feed.signals <- [2]string{name, string(payloadSignal) + string(data)}:
	default:
		s.stats.SignalsDropped.Add(1)
	}
}

// signalScript publishes. KEYS[1] has a Redis Cluster take the same server for all signals of a topic, which keeps their
// order.
const signalScript = `return redis.call('PUBLISH', ARGV[1], ARGV[2])`

// send is the goroutine that sends signals.
func (f *feed) send(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case first := <-f.signals:
			batch := [][2]string{first}
			for len(batch) < signalBatch && len(f.signals) > 0 {
				batch = append(batch, <-f.signals)
			}
			call, cancel := context.WithTimeout(ctx, script.CallTimeout)
			_, err := f.s.client.Pipelined(call, func(p redis.Pipeliner) error {
				for _, signal := range batch {
					p.Eval(call, signalScript, []string{f.s.keys.Of("log", signal[0])}, f.s.keys.Channel(signal[0]), signal[1])
				}
				return nil
			})
			cancel()
			if err != nil {
				f.s.stats.SignalsDropped.Add(uint64(len(batch)))
			}
		}
	}
}
