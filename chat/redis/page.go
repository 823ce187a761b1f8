package redis

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"chorus/chat/redis/lua"
	"chorus/chat/redis/script"
	"chorus/chat/store"
)

const (
	maxPage     = 1000
	defaultSize = 1 << 20
)

// Page implements store.Log.
func (s *Store) Page(ctx context.Context, log string, q store.PageQuery) (store.Page, error) {
	mode, cursor := "newest", ""
	for _, m := range []struct{ name, cursor string }{{"since", q.Since}, {"before", q.Before}, {"after", q.After}} {
		if m.cursor != "" {
			mode, cursor = m.name, m.cursor
		}
	}
	var at store.Position
	if cursor != "" {
		var err error
		if at, err = store.ParseCursor(cursor); err != nil {
			return store.Page{}, err
		}
	}
	r, err := s.read(ctx, log, mode, at, q, newEpoch())
	if err != nil {
		return store.Page{}, err
	}
	if r.missed && mode == "since" { // also for too many changes, where the script has read messages since the cursor
		if r, err = s.read(ctx, log, "newest", store.Position{}, q, ""); err != nil {
			return store.Page{}, err
		}
		r.missed = true
	}
	page := store.Page{
		More: r.more, Missed: r.missed, Pos: r.pos, Head: r.seq, Epoch: r.epoch,
		Cursor: store.Position{Epoch: r.epoch, Pos: r.pos, Seq: r.seq}.Cursor(),
	}
	for _, item := range r.messages {
		page.Messages = append(page.Messages, item.head.message(r.epoch, item.value, item.own))
	}
	for _, item := range r.changes {
		m := item.head.message(r.epoch, item.value, item.own)
		m.Cursor, m.Purged = item.head.changePosition(r.epoch).Cursor(), item.purged
		page.Changes = append(page.Changes, m)
	}
	if n := len(page.Messages); n > 0 {
		page.First, page.Last = page.Messages[0].Cursor, page.Messages[n-1].Cursor
		if page.More && !page.Missed && (mode == "since" || mode == "after") {
			page.Cursor = page.Last
		}
	}
	return page, nil
}

// item is a message as a page has it.
type item struct {
	head   head
	value  []byte
	own    []string
	purged bool
}

// reading is the answer of lua.Page.
type reading struct {
	epoch             string
	pos, seq          int64
	missed, more      bool
	messages, changes []item
}

// read runs lua.Page. It does not wait behind what is to be written. epoch is for a log without a message.
func (s *Store) read(ctx context.Context, log, mode string, at store.Position, q store.PageQuery, epoch string) (r reading, err error) {
	ctx, cancel := context.WithTimeout(ctx, script.CallTimeout)
	defer cancel()
	answer, err := lua.Page.Run(ctx, s.client, []string{s.keys.Of("log", log)}, mode, at.Epoch, at.Pos, at.Seq, min(q.Limit, maxPage),
		cmp.Or(q.MaxBytes, defaultSize), q.User, q.Bounds.Messages, q.Bounds.Age.Milliseconds(), q.Bounds.Bytes, s.opts.Remember.Milliseconds(), epoch).Slice()
	if err != nil {
		s.stats.Errors.Add(1)
		return r, script.Unavailable(err)
	}
	const before = 7 // what stands before the messages
	texts := make([]string, len(answer))
	for i, value := range answer {
		texts[i] = fmt.Sprint(value)
	}
	if len(texts) < before || (len(texts)-before)%2 != 0 {
		return r, fmt.Errorf("chat: page of %q: redis gave an answer that makes no sense", log)
	}
	r = reading{epoch: texts[0], pos: number(texts[1]), seq: number(texts[2]), missed: texts[3] == "1", more: texts[4] == "1"}
	messages, changes := int(number(texts[5])), int(number(texts[6]))
	for i := before; i < len(texts); i += 2 {
		var it item
		switch n := (i - before) / 2; {
		case n >= messages+changes:
			it = purgedItem(texts[i], texts[i+1])
		default:
			if it.head, it.value, err = parse(texts[i]); err != nil {
				return r, fmt.Errorf("chat: page of %q: %w", log, err)
			}
			if texts[i+1] != "" {
				it.own = strings.Split(texts[i+1], "\x00")
			}
			if n < messages {
				r.messages = append(r.messages, it)
				continue
			}
		}
		r.changes = append(r.changes, it)
	}
	slices.SortStableFunc(r.changes, func(a, b item) int { return cmp.Compare(a.head.ChangePos, b.head.ChangePos) })
	return r, nil
}

// purgedItem reads what is known of a message that was purged.
func purgedItem(name, pos string) item {
	seq, rest, _ := strings.Cut(name, " ")
	newest, id, _ := strings.Cut(rest, " ")
	h := head{ID: id, Seq: number(seq), Deleted: true, ChangePos: number(pos), ChangeSeq: number(newest)}
	return item{head: h, purged: true}
}
