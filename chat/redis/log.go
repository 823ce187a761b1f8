package redis

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"chorus/chat/redis/lua"
	"chorus/chat/redis/script"
	"chorus/chat/store"

	"github.com/redis/go-redis/v9"
)

// head is what stands before the value of a message. Lua writes id, seq, pos and at before the rest of a new one.
type head struct {
	ID        string         `json:"id,omitempty"`
	Seq       int64          `json:"seq,omitempty"`
	Pos       int64          `json:"pos,omitempty"`
	At        int64          `json:"at,omitempty"`
	User      string         `json:"user,omitempty"`
	Name      string         `json:"name,omitempty"`
	Event     string         `json:"event,omitempty"`
	Mentions  []string       `json:"mentions,omitempty"`
	Attach    bool           `json:"attach,omitempty"`
	Chosen    bool           `json:"chosen,omitempty"` // the client chose the id, which may come again
	Text      bool           `json:"text,omitempty"`
	Open      bool           `json:"open,omitempty"`
	Cancelled bool           `json:"cancelled,omitempty"`
	Length    int64          `json:"len,omitempty"`
	Version   int64          `json:"version,omitempty"`
	Edited    int64          `json:"edited,omitempty"`
	Deleted   bool           `json:"deleted,omitempty"`
	DeletedAt int64          `json:"gone,omitempty"`
	By        string         `json:"by,omitempty"`
	Counts    map[string]int `json:"rc,omitempty"`
	ChangePos int64          `json:"cpos,omitempty"` // position of the last change
	ChangeSeq int64          `json:"chead,omitempty"`
}

// rest returns the head of a new message behind id, seq, pos and at.
func (h head) rest() (string, error) {
	text, err := json.Marshal(h)
	if err != nil {
		return "", err
	}
	if string(text) == "{}" {
		return "}", nil
	}
	return "," + string(text[1:]), nil
}

// changePosition returns the position of the last change, or of the message when nothing was changed.
func (h *head) changePosition(epoch string) store.Position {
	if h.ChangePos == 0 {
		return store.Position{Epoch: epoch, Pos: h.Pos, Seq: h.Seq}
	}
	return store.Position{Epoch: epoch, Pos: h.ChangePos, Seq: h.ChangeSeq}
}

// message returns the message with its own cursor. own are the keys with which the reader has reacted.
func (h *head) message(epoch string, value []byte, own []string) store.Message {
	m := store.Message{
		ID: h.ID, Seq: h.Seq, At: h.At, User: h.User, Name: h.Name, Event: h.Event, Mentions: h.Mentions, Value: value,
		Attach: h.Attach, Text: h.Text, Open: h.Open, Cancelled: h.Cancelled, Length: h.Length,
		Version: max(h.Version, 1), EditedAt: h.Edited, Deleted: h.Deleted, DeletedAt: h.DeletedAt, By: h.By,
		Cursor: store.Position{Epoch: epoch, Pos: h.Pos, Seq: h.Seq}.Cursor(),
	}
	if h.Deleted {
		m.Value = nil
		if m.DeletedAt == 0 { // an earlier version wrote the time in place of that of an edit
			if m.DeletedAt = m.EditedAt; m.Version == 1 {
				m.EditedAt = 0
			}
		}
	}
	for key, count := range h.Counts {
		m.Reactions = append(m.Reactions, store.Reaction{Key: key, Count: count, Mine: slices.Contains(own, key)})
	}
	slices.SortFunc(m.Reactions, func(a, b store.Reaction) int { return strings.Compare(a.Key, b.Key) })
	return m
}

// parse splits what Redis keeps of a message.
func parse(raw string) (h head, value []byte, err error) {
	line, rest, _ := strings.Cut(raw, "\n")
	err = json.Unmarshal([]byte(line), &h)
	return h, []byte(rest), err
}

// recordLine is the first line of what the feed brings. Lua writes kind, epoch, pos, head and now before the rest.
type recordLine struct {
	Kind   store.Kind `json:"kind,omitempty"`
	Epoch  string     `json:"epoch,omitempty"`
	Pos    int64      `json:"pos,omitempty"`
	Head   int64      `json:"head,omitempty"`
	Now    int64      `json:"now,omitempty"`
	Log    string     `json:"log,omitempty"`
	Topics []string   `json:"topics,omitempty"`
	By     string     `json:"by,omitempty"`
	Origin string     `json:"origin,omitempty"`
	Except []string   `json:"except,omitempty"`
	Key    string     `json:"key,omitempty"`
	On     bool       `json:"on,omitempty"`
	Count  int        `json:"count,omitempty"`
	Offset int64      `json:"offset,omitempty"`
	ID     string     `json:"id,omitempty"` // purge
	User   string     `json:"user,omitempty"`
	Whole  bool       `json:"whole,omitempty"`
}

// rest returns the line behind what Lua writes, without the brace at the end.
func (r recordLine) rest() (string, error) {
	text, err := json.Marshal(r)
	if err != nil {
		return "", err
	}
	return "," + string(text[1:len(text)-1]), nil // it names a log, so it is not empty
}

// newEpoch returns a new name for a log that begins.
func newEpoch() string { return strings.ToLower(rand.Text()[:10]) }

// sharded reports whether the keys of a room and of a user may be on different servers.
func (s *Store) sharded() bool {
	_, is := s.client.(*redis.ClusterClient)
	return is
}

// begun runs a script that may begin a log: write gets the epoch, "" when the log must be there. A log may begin when there
// are not too many.
func (s *Store) begun(ctx context.Context, log string, age time.Duration, write func(epoch string) ([]string, error)) ([]string, error) {
	answer, err := write("")
	if err != nil {
		return nil, err
	}
	if answer[0] == "new" {
		if err := s.admitRoom(ctx, log, age); err != nil {
			return nil, err
		}
		if answer, err = write(newEpoch()); err != nil {
			return nil, err
		}
	}
	if len(answer) > 1 && answer[len(answer)-1] == "1" && answer[len(answer)-2] == "0" { // it lives on
		return answer, s.admitRoom(ctx, log, age)
	}
	return answer, nil
}

// strings runs a script whose answer is a list of at least one.
func (s *Store) strings(ctx context.Context, script *redis.Script, keys []string, args []any) ([]string, error) {
	cmd, err := s.calls.Do(ctx, script, keys, args...)
	if err != nil {
		return nil, err
	}
	list, err := cmd.Slice()
	if err != nil || len(list) == 0 {
		return nil, errors.Join(errAnswer, err)
	}
	return texts(list), nil
}

var errAnswer = errors.New("chat: redis gave an answer that makes no sense")

// texts returns the items of an answer as texts.
func texts(list []any) []string {
	answer := make([]string, len(list))
	for i, item := range list {
		switch item := item.(type) {
		case string:
			answer[i] = item
		case int64:
			answer[i] = strconv.FormatInt(item, 10)
		default:
			answer[i] = fmt.Sprint(item)
		}
	}
	return answer
}

func number(text string) int64 {
	n, _ := strconv.ParseInt(text, 10, 64) // the scripts write whole numbers
	return n
}

// admitScript: KEYS[1] are the logs by the time at which they end, ARGV 1 the log, 2 for how many milliseconds it lives or
// 0, 3 the most.
var admitScript = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000
local n = redis.call('ZCARD', KEYS[1])
if n >= tonumber(ARGV[3]) and not redis.call('ZSCORE', KEYS[1], ARGV[1]) then
	redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now))
	if redis.call('ZCARD', KEYS[1]) >= tonumber(ARGV[3]) then return 0 end
end
redis.call('ZADD', KEYS[1], ARGV[2] == '0' and '+inf' or string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
return 1
`)

// admitRoom has a log counted among those with history.
func (s *Store) admitRoom(ctx context.Context, log string, age time.Duration) error {
	life := int64(0)
	if age > 0 {
		life = (age + age/5).Milliseconds() + 600_000
	}
	cmd, err := s.calls.Do(ctx, admitScript, []string{s.keys.Of("index", "logs")}, log, life, s.opts.Rooms)
	if err != nil {
		return err
	}
	if n, err := cmd.Int(); err != nil || n == 0 {
		return &store.LimitError{Limit: int64(s.opts.Rooms), What: "rooms with history", Key: "rooms"}
	}
	return nil
}

// Change implements store.Log.
func (s *Store) Change(ctx context.Context, c *store.Change) (store.Changed, error) {
	record, err := recordLine{Log: c.Log, Topics: c.Topics, By: c.User, Origin: c.Origin, Key: c.Key, On: c.On}.rest()
	if err != nil {
		return store.Changed{}, err
	}
	args := append([]any{string(c.Kind), c.ID, c.User, flag(c.Moderator), "", c.Bounds.Messages, c.Bounds.Age.Milliseconds(), c.Bounds.Bytes,
		s.opts.Remember.Milliseconds(), record}, s.keys.Channels(c.Topics)...)
	var limit error
	switch c.Kind {
	case store.KindEdit:
		args = append(args, c.Value, flag(c.Attach), c.Version)
	case store.KindDelete:
	case store.KindReact:
		args = append(args, c.Key, flag(c.On), s.opts.ReactionKeys, s.opts.Reactions)
		limit = store.TooManyReactionKeys(s.opts.ReactionKeys)
	case store.KindExtend:
		most := s.opts.MessageBytes
		if c.MaxBytes > 0 {
			most = c.MaxBytes
		}
		open := !c.Done && !c.Cancel
		rest, err := head{User: c.User, Name: c.Name, Event: c.Event, Text: true, Open: open, Cancelled: c.Cancel, Length: c.Length}.rest()
		if err != nil {
			return store.Changed{}, err
		}
		args = append(args, c.Value, c.Length, flag(c.Done), flag(c.Cancel), most, rest, c.Slow.Milliseconds())
		limit = &store.LimitError{Limit: most, What: "bytes of a message", Key: "text"}
	default:
		return store.Changed{}, fmt.Errorf("chat: %q is no change of a message", c.Kind)
	}
	args = append(args, c.Notice, s.messageSpec(c.Notice, noticeOf[c.Kind], c.Log))
	answer, err := s.begun(ctx, c.Log, c.Bounds.Age, func(epoch string) ([]string, error) {
		args[4] = epoch
		return s.strings(ctx, lua.Change, []string{s.keys.Of("log", c.Log)}, args)
	})
	if err != nil {
		return store.Changed{}, err
	}
	s.relay(c.Log)
	switch answer[0] {
	case "not_found":
		return store.Changed{}, store.ErrNotFound
	case "not_owner":
		return store.Changed{}, store.ErrNotOwner
	case "conflict":
		return store.Changed{}, &store.ConflictError{Version: number(answer[1]), Reason: "the message is another by now"}
	case "limit", "too_large":
		return store.Changed{}, limit
	case "slow":
		return store.Changed{}, &store.SlowError{Wait: time.Duration(number(answer[1])) * time.Millisecond}
	case "too_many":
		return store.Changed{}, store.TooManyReactions(s.opts.Reactions)
	case "ok", "noop":
	default:
		return store.Changed{}, fmt.Errorf("chat: change: unexpected answer %q", answer[0])
	}
	return changed(c, answer)
}

// changed reads the answer of lua.Change.
func changed(c *store.Change, answer []string) (store.Changed, error) {
	var h head
	if err := json.Unmarshal([]byte(answer[1]), &h); err != nil {
		return store.Changed{}, fmt.Errorf("chat: change: %w", err)
	}
	out := store.Changed{Message: h.message(answer[5], nil, strings.Split(answer[6], "\x00")), Pos: number(answer[3]), Noop: answer[0] == "noop"}
	out.Cursor = store.Position{Epoch: answer[5], Pos: out.Pos, Seq: number(answer[4])}.Cursor()
	if c.Kind == store.KindExtend {
		out.Offset = number(answer[2])
	}
	return out, nil
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

// Purge implements store.Log.
func (s *Store) Purge(ctx context.Context, log string, p store.Purge) (int, error) {
	record, err := recordLine{Log: log, Topics: p.Topics, ID: p.ID, User: p.User, Whole: p.Whole}.rest()
	if err != nil {
		return 0, err
	}
	state, err := recordLine{Log: log, Topics: p.Topics}.rest()
	if err != nil {
		return 0, err
	}
	args := append([]any{p.ID, p.User, flag(p.Whole), record + "}", newEpoch(), state + "}"}, s.keys.Channels(p.Topics)...)
	cmd, err := s.calls.Do(ctx, lua.Purge, []string{s.keys.Of("log", log)}, args...)
	if err != nil {
		return 0, err
	}
	if p.Whole {
		call, cancel := context.WithTimeout(ctx, script.CallTimeout)
		defer cancel()
		if err := s.client.ZRem(call, s.keys.Of("index", "logs"), log).Err(); err != nil {
			return 0, script.Unavailable(err)
		}
	}
	return cmd.Int()
}
