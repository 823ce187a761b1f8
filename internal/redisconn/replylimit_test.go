package redisconn_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"chorus/internal/redisconn"
	"chorus/internal/redistest"

	"github.com/redis/go-redis/v9"
)

// answering returns the address of a server that answers every connection with a text, in pieces of some bytes.
func answering(t *testing.T, text string, piece int) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() { // ends with the listener
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { // ends with the connection
				defer func() { _ = conn.Close() }()
				for rest := text; len(rest) > 0; {
					n := min(piece, len(rest))
					if _, err := io.WriteString(conn, rest[:n]); err != nil {
						return
					}
					rest = rest[n:]
				}
				_, _ = io.Copy(io.Discard, conn)
			}()
		}
	}()
	return listener.Addr().String()
}

func limited(t *testing.T, addr string) *redis.Client {
	t.Helper()
	o := &redis.Options{Addr: addr, Protocol: 2, DisableIdentity: true, MaxRetries: -1, ContextTimeoutEnabled: true}
	o.Dialer = redisconn.LimitReplies(redis.NewDialer(o))
	client := redis.NewClient(o)
	t.Cleanup(func() { _ = client.Close() })
	return client
}

func TestLimitReplies(t *testing.T) {
	for _, test := range []struct {
		name, reply string
		large       bool
	}{
		{"an array that announces 32 GiB", "*2147483000\r\n", true},
		{"a string of 2 GiB", "$2147483000\r\n", true},
		{"a verbatim string", "=2147483000\r\n", true},
		{"a map", "%2147483000\r\n", true},
		{"a set", "~2147483000\r\n", true},
		{"a push", ">2147483000\r\n", true},
		{"arrays that add up", strings.Repeat("*999999\r\n", 2), true},
		{"arrays in arrays", strings.Repeat("*1\r\n", 100), true},
		{"a line without an end", "+" + strings.Repeat("x", 1<<20), true},
		{"a string in a large array", "*2\r\n$1\r\nx\r\n$2147483000\r\n", true},
		{"a string", "$5\r\n*9999\r\n", false},
		{"arrays that follow each other", strings.Repeat("*2\r\n*1\r\n$-1\r\n*-1\r\n", 3), false},
	} {
		for _, piece := range []int{1 << 20, 3} {
			if len(test.reply) > 1<<19 && piece == 3 {
				continue
			}
			t.Run(test.name, func(t *testing.T) {
				client := limited(t, answering(t, test.reply, piece))
				ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
				defer cancel()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				err := client.Do(ctx, "x").Err()
				runtime.ReadMemStats(&after)
				if errors.Is(err, redisconn.ErrReplyTooLarge) != test.large {
					t.Errorf("error %v", err)
				}
				if n := after.TotalAlloc - before.TotalAlloc; n > 100<<20 {
					t.Errorf("%d bytes were allocated", n)
				}
			})
		}
	}
}

// TestLimitRepliesLetsRedisThrough reads replies of every kind, over one connection.
func TestLimitRepliesLetsRedisThrough(t *testing.T) {
	client := limited(t, redistest.Start(t, redistest.Options{}).Addr)
	large := strings.Repeat("x\r\n*9\r\n", 1<<20)
	if err := client.Set(t.Context(), "large", large, 0).Err(); err != nil {
		t.Fatal(err)
	}
	for range 20 {
		if got, err := client.Get(t.Context(), "large").Result(); err != nil || got != large {
			t.Fatalf("%d bytes, %v", len(got), err)
		}
		if err := client.Get(t.Context(), "none").Err(); !errors.Is(err, redis.Nil) {
			t.Fatal(err)
		}
		if got, err := client.Command(t.Context()).Result(); err != nil || len(got) < 100 {
			t.Fatalf("%d commands, %v", len(got), err)
		}
		if got, err := client.Eval(t.Context(), "return {1, {}, {2, {'x', false}}}", nil).Slice(); err != nil || len(got) != 3 {
			t.Fatalf("%v, %v", got, err)
		}
	}
}
