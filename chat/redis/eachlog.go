package redis

import (
	"context"

	"chorus/chat/redis/script"
)

// logsAtOnce is how many names of logs are read at once, about.
const logsAtOnce = 500

// EachLog implements store.Log.
func (s *Store) EachLog(ctx context.Context, fn func(log string) error) error {
	for cursor := uint64(0); ; {
		call, cancel := context.WithTimeout(ctx, script.CallTimeout)
		page, next, err := s.client.ZScan(call, s.keys.Of("index", "logs"), cursor, "", logsAtOnce).Result()
		cancel()
		if err != nil {
			return script.Unavailable(err)
		}
		for i := 0; i+1 < len(page); i += 2 { // names and scores
			if err := fn(page[i]); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return nil
		}
	}
}
