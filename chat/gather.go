package chat

import (
	"chorus/chat/store"
	"slices"
	"time"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

const (
	reactSpacing = 250 * time.Millisecond // between two events about the reactions of a room
	maxReacted   = 500                    // reactions that an event tells
	maxReactors  = 20                     // users that one names; beyond, the count alone is told
)

// gathered is what waits in a lane to be told together: reactions, and the fragments of texts. Reactions are told before
// anything else that happened later; the middle of a text may come later.
type gathered struct {
	reactions []*reacted
	texts     []*store.Record // one for each text, in the order of their turns
	reactedAt time.Time       // when reactions were told last
	textAt    time.Time       // when a text was
	reacting  *time.Timer
	texting   *time.Timer // nil while nothing waits for it
}

// reacted is what became of one reaction of a message.
type reacted struct {
	id, key, cursor string
	count           int
	added, removed  []string
	many            bool // too many to name
}

// note adds a change of one user.
func (x *reacted) note(r *store.Record) {
	x.count, x.cursor = r.Count, r.Cursor
	if x.many {
		return
	}
	here, there := &x.added, &x.removed
	if !r.On {
		here, there = there, here
	}
	if i := slices.Index(*there, r.By); i >= 0 { // taken back
		*there = slices.Delete(*there, i, i+1)
	} else {
		*here = append(*here, r.By)
	}
	if len(x.added)+len(x.removed) > maxReactors {
		x.many, x.added, x.removed = true, nil, nil
	}
}

func (x *reacted) told() map[string]any {
	told := map[string]any{"id": x.id, "key": x.key, "count": x.count, "cursor": x.cursor}
	if !x.many {
		told["added"], told["removed"] = append([]string{}, x.added...), append([]string{}, x.removed...) // never null
	}
	return told
}

// pass tells the sockets of this node of a record, or gathers it; l.mu is held.
func (l *lane) pass(r *store.Record) {
	if r.Kind == store.KindReact {
		l.gatherReaction(r)
		return
	}
	l.tellReactions()
	if r.Kind == store.KindExtend && l.gatherText(r) {
		return
	}
	if r.Kind != store.KindMessage {
		l.tellTexts(func(waiting *store.Record) bool { return r.ID == "" || waiting.ID == r.ID })
	}
	l.chat.cast(r, l.held())
}

// held are the sockets that wait for a page.
func (l *lane) held() []socket.Room {
	held := make([]socket.Room, 0, len(l.holds))
	for cl := range l.holds {
		held = append(held, socket.Room(cl.socket.Id()))
	}
	return held
}

// settle tells all that has gathered; l.mu is held. It comes before each change of the sockets that are held: those have
// it from the page, or get it afterwards.
func (l *lane) settle() {
	l.tellReactions()
	l.tellTexts(func(*store.Record) bool { return true })
}

func (l *lane) gatherReaction(r *store.Record) {
	g := &l.gathered
	i := slices.IndexFunc(g.reactions, func(x *reacted) bool { return x.id == r.ID && x.key == r.Key })
	if i < 0 {
		i = len(g.reactions)
		g.reactions = append(g.reactions, &reacted{id: r.ID, key: r.Key})
	}
	g.reactions[i].note(r)
	wait := reactSpacing - time.Since(g.reactedAt)
	switch {
	case wait <= 0 || len(g.reactions) >= maxReacted:
		l.tellReactions()
	case g.reacting == nil:
		g.reacting = time.AfterFunc(wait, func() { // ends with tellReactions or stop
			l.mu.Lock()
			defer l.mu.Unlock()
			l.tellReactions()
		})
	}
}

// tellReactions tells those that have gathered.
func (l *lane) tellReactions() {
	g := &l.gathered
	if len(g.reactions) == 0 {
		return
	}
	list := make([]any, len(g.reactions))
	for i, x := range g.reactions {
		list[i] = x.told()
	}
	stopTimer(&g.reacting)
	g.reactions, g.reactedAt = nil, time.Now()
	l.chat.cast(&store.Record{Kind: store.KindReact, Log: l.topic, Reacted: list}, l.held())
}

// gatherText keeps a fragment from the middle of a text, and reports whether it did. The beginning of a text, which is a
// new message, and its end are told at once, with what waits.
func (l *lane) gatherText(r *store.Record) bool {
	g := &l.gathered
	if r.Offset == 0 || !r.Open {
		l.tellTexts(func(waiting *store.Record) bool { return waiting.ID == r.ID })
		g.textAt = time.Now()
		return false
	}
	if i := slices.IndexFunc(g.texts, func(waiting *store.Record) bool { return waiting.ID == r.ID }); i >= 0 {
		joined := *r
		joined.Offset, joined.Value = g.texts[i].Offset, slices.Concat(g.texts[i].Value, r.Value)
		g.texts[i] = &joined
	} else {
		g.texts = append(g.texts, r)
	}
	l.turnText()
	return true
}

// turnText tells the text whose turn it is, when the last one was told long enough ago, and has the next one told in its
// turn; l.mu is held.
func (l *lane) turnText() {
	g := &l.gathered
	wait := rollUp - time.Since(g.textAt)
	if wait <= 0 {
		wait = l.chat.pace.wait(l)
	}
	if wait <= 0 {
		first := g.texts[0]
		g.texts, g.textAt, wait = g.texts[1:], time.Now(), rollUp
		l.chat.cast(first, l.held())
	}
	if len(g.texts) > 0 && g.texting == nil {
		g.texting = time.AfterFunc(wait, func() { // ends with tellTexts or stop
			l.mu.Lock()
			defer l.mu.Unlock()
			if l.gathered.texting = nil; len(l.gathered.texts) > 0 {
				l.turnText()
			}
		})
	}
	if len(g.texts) == 0 {
		stopTimer(&g.texting)
	}
}

// tellTexts tells the texts that wait and are chosen.
func (l *lane) tellTexts(chosen func(*store.Record) bool) {
	g := &l.gathered
	if len(g.texts) == 0 {
		return
	}
	held := l.held()
	g.texts = slices.DeleteFunc(g.texts, func(waiting *store.Record) bool {
		tell := chosen(waiting)
		if tell {
			l.chat.cast(waiting, held)
		}
		return tell
	})
	if len(g.texts) == 0 {
		stopTimer(&g.texting)
	}
}

func (g *gathered) stop() {
	stopTimer(&g.reacting)
	stopTimer(&g.texting)
	g.reactions, g.texts = nil, nil
}

func stopTimer(timer **time.Timer) {
	if *timer != nil {
		(*timer).Stop()
	}
	*timer = nil
}
