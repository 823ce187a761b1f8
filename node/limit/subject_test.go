package limit_test

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"

	"chorus/internal/redistest"
	"chorus/node/limit"
)

// Connections of one user on two nodes take what there is, and no more.
func TestSubjectsShareABucket(t *testing.T) {
	client := redistest.Dial(t, redistest.Start(t, redistest.Options{}).Addr)
	stats := &limit.Stats{}
	bucket := limit.Bucket{Rate: 0.001, Burst: 100}
	var taken atomic.Int64
	var wg sync.WaitGroup
	for range 2 {
		s := limit.NewSubjects(bucket, client, "test", slog.New(slog.DiscardHandler), stats)
		for range 25 {
			wg.Go(func() {
				for range 10 {
					if _, over := s.Take(context.Background(), "eve", func() {}); !over {
						taken.Add(1)
					}
				}
			})
		}
	}
	wg.Wait()
	if n := taken.Load(); n != 100 || stats.RedisErrors.Load() != 0 {
		t.Errorf("%d were taken, with %d errors", n, stats.RedisErrors.Load())
	}
}

// While one connection waits for Redis, the others of the user wait with it: there is one question.
func TestSubjectsWaitForOneAnswer(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	stats := &limit.Stats{}
	s := limit.NewSubjects(limit.Bucket{Rate: 1, Burst: 1000}, redistest.Dial(t, server.Addr), "test", slog.New(slog.DiscardHandler), stats)
	server.Pause()
	waiting := make(chan struct{}, 10)
	var wg sync.WaitGroup
	for range 10 {
		wg.Go(func() {
			if _, over := s.Take(context.Background(), "eve", func() { waiting <- struct{}{} }); over {
				t.Error("the node alone refuses")
			}
		})
	}
	for range 10 {
		<-waiting
	}
	server.Resume()
	wg.Wait()
	if n := stats.RedisErrors.Load(); n > 1 {
		t.Errorf("%d questions without an answer", n)
	}
}
