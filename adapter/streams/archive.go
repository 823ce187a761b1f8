package streams

import (
	"context"
	"errors"
	"strings"

	"chorus/adapter/history"
	"chorus/adapter/wire"

	goredis "github.com/redis/go-redis/v9"
)

// archive is what is in a stream on Redis.
type archive struct {
	client goredis.UniversalClient
	stream string
	slots  chan struct{} // as many as read at a time
}

const (
	// maxFetched is how many entries are read at a time, and maxFetches for how many clients: they are in memory
	// until the client has taken them.
	maxFetched = 100
	maxFetches = 8
)

// Reaches is true for an entry that is there, for any place behind the first, and in a stream that has never lost one.
func (h *archive) Reaches(ctx context.Context, id wire.StreamID) (bool, error) {
	entries, err := h.client.XRangeN(ctx, h.stream, id.String(), id.String(), 1).Result()
	if err != nil || len(entries) > 0 {
		return err == nil, err
	}
	info, err := h.client.XInfoStream(ctx, h.stream).Result()
	switch {
	case err != nil && strings.Contains(err.Error(), "no such key"):
		return id == wire.StreamID{}, nil
	case err != nil:
		return false, err
	}
	last, err := wire.ParseStreamID(info.LastGeneratedID)
	if first, err := wire.ParseStreamID(info.FirstEntry.ID); err == nil && id.Compare(first) > 0 && id.Compare(last) <= 0 {
		return true, nil
	}
	// Servers before Redis 7 do not count what was added.
	return err == nil && info.EntriesAdded > 0 && info.EntriesAdded == info.Length && id.Compare(last) <= 0, err
}

// After implements history.Archive.
func (h *archive) After(ctx context.Context, id wire.StreamID) ([]history.Message, error) {
	select {
	case h.slots <- struct{}{}:
		defer func() { <-h.slots }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	messages, err := h.client.XRangeN(ctx, h.stream, id.Next().String(), "+", maxFetched).Result()
	if err != nil {
		return nil, err
	}
	// What is trimmed goes from the beginning: as long as this place is there, so is all that follows it.
	there, err := h.Reaches(ctx, id)
	if err == nil && !there {
		err = history.ErrGone
	}
	if err != nil {
		return nil, err
	}
	entries, err := entriesOf(messages)
	if err != nil {
		return nil, errors.Join(wire.ErrMalformed, err)
	}
	list := make([]history.Message, len(entries))
	for i := range entries {
		list[i] = history.NewMessage(&entries[i])
	}
	return list, nil
}
