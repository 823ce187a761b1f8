package message

import (
	"encoding/json"
	"errors"
	"time"
	"unicode/utf8"

	"chorus/chat/client"
	"chorus/chat/lane"
	"chorus/chat/notice"
	"chorus/chat/rule"
	"chorus/chat/store"
)

const (
	maxTexts = 16   // that a client writes at a time
	maxRolls = 1000 // requests that wait for one change
)

// appendOptions are the last argument of "append".
type appendOptions struct {
	Done   bool `json:"done"`
	Cancel bool `json:"cancel"`
}

// text is a message that a client writes bit by bit. What comes within rollUp of the last change is one change together.
type text struct {
	place   rule.Place
	id      string
	waiting []*bit // in order
	busy    bool   // a change is under way, or the timer runs
}

// bit is one request.
type bit struct {
	call         *client.Call
	fragment     []byte // JSON, without quotes
	length       int64  // in UTF-16 code units
	done, cancel bool
	slow         int // seconds of slow mode for the sender
}

// append adds to a text, or begins one.
func (c *Messages) append(ca *client.Call) error {
	p, id, err := ca.Target(rule.EventAppend)
	if err != nil {
		return err
	}
	fragment, length, err := fragmentOf(ca.Args)
	if err != nil {
		return err
	}
	opts, err := client.Option[appendOptions](ca, rule.EventAppend, 3)
	if err != nil {
		return err
	}
	if opts.Done && opts.Cancel {
		return rule.BadRequest("append takes done or cancel, not both")
	}
	if ca.User().ID == "" && !c.Options.Open {
		return rule.NeedsUser(p)
	}
	if err := ca.MaySpeak(p); err != nil {
		return err
	}
	slow, err := ca.Slowness(p)
	if err != nil {
		return err
	}
	if err := c.AskHooks(ca.Action(client.Action{Kind: client.ActionAppend, Room: p.Name, ID: id, Value: ca.Args[2]})); err != nil {
		return err
	}
	return c.write(ca, p, id, &bit{call: ca, fragment: fragment, length: length, done: opts.Done, cancel: opts.Cancel, slow: slow})
}

// fragmentOf returns the text of a request as JSON has it between the quotes, so that half a surrogate pair meets its
// other half, and its length.
func fragmentOf(args []any) (fragment []byte, length int64, err error) {
	raw, ok := args[2].(json.RawMessage)
	if !ok {
		given, isText := args[2].(string)
		if !isText {
			return nil, 0, errText
		}
		if raw, err = json.Marshal(given); err != nil {
			return nil, 0, errText
		}
	}
	if len(raw) < 2 || raw[0] != '"' {
		return nil, 0, errText
	}
	fragment = raw[1 : len(raw)-1]
	return fragment, utf16Length(fragment), nil
}

var errText = rule.BadRequest("append: the third argument is not a text")

// utf16Length counts the code units of a text in JSON.
func utf16Length(text []byte) (n int64) {
	for i := 0; i < len(text); n++ {
		if text[i] == '\\' {
			if i++; i < len(text) && text[i] == 'u' {
				i += 4
			}
			i++
			continue
		}
		r, size := utf8.DecodeRune(text[i:])
		if i += size; r > 0xFFFF {
			n++
		}
	}
	return n
}

// write has a bit written, at once when the last change of the text is long enough ago.
func (c *Messages) write(ca *client.Call, p rule.Place, id string, b *bit) error {
	cl, key := ca.Client, p.Log+"\x00"+id
	c.mu.Lock()
	defer c.mu.Unlock()
	texts := c.texts[cl]
	t := texts[key]
	switch {
	case t == nil && len(texts) >= maxTexts:
		return &rule.Error{Code: rule.CodeLimitReached, Message: "a client may write few texts at a time", Details: map[string]any{"limit": maxTexts}}
	case t == nil:
		t = &text{place: p, id: id}
		if texts == nil {
			texts = make(map[string]*text)
			c.texts[cl] = texts
		}
		texts[key] = t
	case len(t.waiting) >= maxRolls:
		return &rule.Error{Code: rule.CodeOverloaded, Message: "too much is appended at a time"}
	}
	t.waiting = append(t.waiting, b)
	if !t.busy {
		t.busy = true
		c.Task(func() { c.writing(cl, key, t) }) // ends when nothing waits
	}
	return nil
}

// writing makes the changes of a text, rollUp apart, until nothing waits.
func (c *Messages) writing(cl *client.Client, key string, t *text) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-pause.C:
		case <-c.Running.Done(): // what waits is refused by the store
		}
		c.mu.Lock()
		bits := t.waiting
		t.waiting = nil
		if len(bits) == 0 {
			if delete(c.texts[cl], key); len(c.texts[cl]) == 0 {
				delete(c.texts, cl)
			}
			c.mu.Unlock()
			return
		}
		c.mu.Unlock()
		pause.Reset(lane.RollUp)
		for len(bits) > 0 {
			n := 1
			for n < len(bits) && !bits[n-1].done && !bits[n-1].cancel {
				n++
			}
			c.extend(cl, t, bits[:n])
			bits = bits[n:]
		}
	}
}

// extend makes one change of several requests and answers them.
func (c *Messages) extend(cl *client.Client, t *text, bits []*bit) {
	last := bits[len(bits)-1]
	change := c.change(last.call, t.place, store.KindExtend, t.id)
	change.Name, change.Done, change.Cancel = cl.User().Name, last.done, last.cancel
	change.Slow = time.Duration(bits[0].slow) * time.Second
	for _, b := range bits {
		change.Value = append(change.Value, b.fragment...)
		change.Length += b.length
	}
	if (change.Done || change.Cancel) && t.place.Peer == "" && c.Tells(notice.MessagePublished, t.place.Room()) {
		change.Notice = noticeOf(t.place, cl.User(), &toldMessage{ID: t.id})
	}
	ctx, cancel := c.Context()
	defer cancel()
	changed, err := c.Store.Change(ctx, change)
	if limit := (*store.LimitError)(nil); errors.As(err, &limit) && limit.Key == store.LimitText {
		err = &rule.Error{Code: rule.CodeTooLarge, Message: limit.Error(), Details: map[string]any{"limit": limit.Limit}}
	}
	if err == nil && changed.Offset == 0 && !changed.Noop {
		c.markOwn(ctx, change.User, t.place, changed.Seq)
	}
	c.TellHooks(cl.Action(client.Action{Kind: client.ActionAppend, Room: t.place.Name, ID: t.id}), err)
	length := changed.Offset
	for _, b := range bits {
		if err != nil {
			b.call.Refuse(rule.EventAppend, changeError(err, t.place))
			continue
		}
		length += b.length
		b.call.OK(map[string]any{"id": t.id, "seq": changed.Seq, "length": length})
	}
}
