package redistest

import (
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Dial returns a client as the nodes have it, until the test ends.
func Dial(t testing.TB, addr string) *redis.Client {
	t.Helper()
	client := redis.NewClient(&redis.Options{
		Addr: addr, DialTimeout: time.Second, ContextTimeoutEnabled: true, MaxRetries: -1, Protocol: 2,
	})
	t.Cleanup(func() { _ = client.Close() })
	return client
}
