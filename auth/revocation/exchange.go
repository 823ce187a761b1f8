package revocation

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

// maxExchanges bounds how often a change is tried when other nodes change the same entry.
const maxExchanges = 20

// change is an entry that is to take the place of the expected one. Without a text it only reads.
type change struct {
	key      Key
	expected string
	entry    Entry
	text     string
}

// textOf returns the text of an entry, empty for none.
func textOf(e Entry) string {
	if e.at == 0 {
		return ""
	}
	return e.String()
}

// exchange runs the script. It returns the time of Redis and the text of each entry as it is now.
func (s *Redis) exchange(ctx context.Context, changes ...change) (at time.Time, stored []string, err error) {
	args := append(make([]any, 0, 2+4*len(changes)), s.channel, time.Now().UnixMilli())
	for _, c := range changes {
		args = append(args, c.key.String(), c.expected, c.text, c.entry.until)
	}
	answer, err := exchangeScript.Run(ctx, s.client, s.keys, args...).StringSlice()
	if err != nil {
		return at, nil, err
	}
	if len(answer) != 1+len(changes) {
		return at, nil, fmt.Errorf("the answer has %d values instead of %d", len(answer), 1+len(changes))
	}
	micros, err := strconv.ParseInt(answer[0], 10, 64)
	if err != nil {
		return at, nil, fmt.Errorf("the answer has no time: %w", err)
	}
	return time.UnixMicro(micros), answer[1:], nil
}

// writeBack gives Redis the entries that it lacks, or has in an older form.
func (s *Redis) writeBack(ctx context.Context, missing, stored map[Key]Entry) error {
	page := make([]change, 0, min(len(missing), pageSize))
	for key, entry := range missing {
		page = append(page, change{key: key, expected: textOf(stored[key]), entry: entry, text: entry.String()})
		if len(page) == pageSize {
			if err := s.writePage(ctx, page); err != nil {
				return err
			}
			page = page[:0]
		}
	}
	return s.writePage(ctx, page)
}

// writePage writes entries until Redis has each of them or a newer one.
func (s *Redis) writePage(ctx context.Context, page []change) error {
	for range maxExchanges {
		if len(page) == 0 {
			return nil
		}
		rest, err := s.writeOnce(ctx, page)
		if err != nil {
			return err
		}
		page = rest
	}
	return fmt.Errorf("%d entries change all the time", len(page))
}

// writeOnce returns what has to be tried again, since another node was faster with an older entry.
func (s *Redis) writeOnce(ctx context.Context, page []change) (again []change, err error) {
	ctx, cancel := context.WithTimeout(ctx, callTimeout)
	defer cancel()
	_, stored, err := s.exchange(ctx, page...)
	if err != nil {
		return nil, err
	}
	for i, c := range page {
		if stored[i] == c.text {
			s.stats.WrittenBack.Add(1)
			continue
		}
		there, _ := ParseEntry(stored[i]) // what cannot be read counts as nothing
		if c.entry.Newer(there) {
			c.expected = stored[i]
			again = append(again, c)
		}
	}
	return again, nil
}
