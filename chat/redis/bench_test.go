package redis_test

import (
	"context"
	"crypto/rand"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"chorus/chat/redis"
	"chorus/chat/store"
	"chorus/chat/storetest"
	"chorus/internal/redistest"
	"chorus/registry"

	goredis "github.com/redis/go-redis/v9"
)

// one returns a store for a benchmark.
func one(b *testing.B, client goredis.UniversalClient) *redis.Store {
	b.Helper()
	nodes := registry.New(registry.Options{Client: client})
	s := redis.New(redis.Options{Client: client, Nodes: nodes})
	s.Start(storetest.NewSink())
	b.Cleanup(func() {
		_ = s.Close(context.Background())
		_ = nodes.Close(context.Background())
		_ = client.Close()
	})
	return s
}

// Publishing with history beside publishing alone, as the transports do it: pipelined, 64 clients of one node. The value
// has 200 bytes.
func BenchmarkPublish(b *testing.B) {
	value := []byte(`"` + strings.Repeat("x", 198) + `"`)
	b.Run("without history", func(b *testing.B) {
		server := redistest.Start(b, redistest.Options{})
		client := connect(server.Addr)
		defer client.Close() //nolint:errcheck // only the benchmark depends on it
		queue := make(chan chan error, 1000)
		go func() { // ends with the queue
			for first := range queue {
				batch := []chan error{first}
				for len(batch) < 256 && len(queue) > 0 {
					batch = append(batch, <-queue)
				}
				_, err := client.Pipelined(context.Background(), func(p goredis.Pipeliner) error {
					for range batch {
						p.Publish(context.Background(), "socket.io#/#room#", value)
					}
					return nil
				})
				for _, done := range batch {
					done <- err
				}
			}
		}()
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				done := make(chan error, 1)
				queue <- done
				if err := <-done; err != nil {
					b.Error(err)
				}
			}
		})
		close(queue)
		report(b, server)
	})
	for _, bounds := range []store.Bounds{{Messages: 1000}, {Messages: 1000, Age: time.Hour, Bytes: 10 << 20}} {
		b.Run(fmt.Sprintf("with history/age=%s", bounds.Age), func(b *testing.B) {
			server := redistest.Start(b, redistest.Options{})
			s := one(b, connect(server.Addr))
			prefix, last := rand.Text()[:6], atomic.Int64{}
			b.SetParallelism(32)
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					a := &store.Append{Log: "room", Topics: []string{"room"}, ID: fmt.Sprint(prefix, last.Add(1)), User: "alice", Digest: "d", Value: value, Bounds: bounds}
					if _, err := s.Append(context.Background(), a); err != nil {
						b.Error(err)
					}
				}
			})
			report(b, server)
		})
	}
}

// report adds the time that Redis itself has worked.
func report(b *testing.B, server *redistest.Server) {
	b.Helper()
	b.StopTimer()
	client := server.Admin()
	defer client.Close() //nolint:errcheck // only the benchmark depends on it
	info, err := client.InfoMap(context.Background(), "cpu").Result()
	if err != nil {
		b.Fatal(err)
	}
	var user, system float64
	_, _ = fmt.Sscan(info["CPU"]["used_cpu_user"], &user)
	_, _ = fmt.Sscan(info["CPU"]["used_cpu_sys"], &system)
	b.ReportMetric((user+system)*1e6/float64(b.N), "redis-us/op")
}

// A join of a room with presence.
func BenchmarkEnter(b *testing.B) {
	server := redistest.Start(b, redistest.Options{})
	s := one(b, connect(server.Addr))
	var last atomic.Int64
	b.SetParallelism(64)
	b.RunParallel(func(pb *testing.PB) {
		for pb.Next() {
			n := last.Add(1)
			if _, err := s.Enter(context.Background(), "room", fmt.Sprint("s", n), store.Member{User: fmt.Sprint("u", n), Name: "Name"}); err != nil {
				b.Error(err)
			}
		}
	})
	report(b, server)
}
