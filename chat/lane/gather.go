package lane

import (
	"slices"
	"time"

	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// RollUp is the time between two changes of a text by one client: 25 a second.
const RollUp = 40 * time.Millisecond

const (
	reactSpacing = 250 * time.Millisecond // between two events about the reactions of a room
	maxReacted   = 500                    // reactions that an event tells
)

// gathered is what waits in a lane to be told together: reactions, and the fragments of texts. Reactions are told before
// anything else that happened later; the middle of a text may come later.
type gathered struct {
	reactions []*view.Reaction
	texts     []*store.Record // one for each text, in the order of their turns
	reactedAt time.Time       // when reactions were told last
	textAt    time.Time       // when a text was
	reacting  *time.Timer
	texting   *time.Timer // nil while nothing waits for it
}

// pass tells the sockets of this node of a record, or gathers it; l.mu is held.
func (l *Lane) pass(r *store.Record) {
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
	l.all.cast(r, l.held())
}

// held are the sockets that wait for a page.
func (l *Lane) held() []socket.Room {
	held := make([]socket.Room, 0, len(l.holds))
	for s := range l.holds {
		held = append(held, socket.Room(s.Id()))
	}
	return held
}

// settle tells all that has gathered; l.mu is held. It comes before each change of the sockets that are held: those have
// it from the page, or get it afterwards.
func (l *Lane) settle() {
	l.tellReactions()
	l.tellTexts(func(*store.Record) bool { return true })
}

// gather returns what has gathered, and makes the place for it; l.mu is held.
func (l *Lane) gather() *gathered {
	if l.gathered == nil {
		l.gathered = new(gathered)
	}
	return l.gathered
}

func (l *Lane) gatherReaction(r *store.Record) {
	g := l.gather()
	i := slices.IndexFunc(g.reactions, func(x *view.Reaction) bool { return x.ID == r.ID && x.Key == r.Key })
	if i < 0 {
		i = len(g.reactions)
		g.reactions = append(g.reactions, &view.Reaction{ID: r.ID, Key: r.Key})
	}
	g.reactions[i].Note(r)
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
func (l *Lane) tellReactions() {
	g := l.gathered
	if g == nil || len(g.reactions) == 0 {
		return
	}
	list := make([]any, len(g.reactions))
	for i, x := range g.reactions {
		list[i] = x.Told()
	}
	stopTimer(&g.reacting)
	g.reactions, g.reactedAt = nil, time.Now()
	l.all.cast(&store.Record{Kind: store.KindReact, Log: l.Topic, Reacted: list}, l.held())
}

// gatherText keeps a fragment from the middle of a text, and reports whether it did. The beginning of a text, which is a
// new message, and its end are told at once, with what waits.
func (l *Lane) gatherText(r *store.Record) bool {
	g := l.gather()
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
func (l *Lane) turnText() {
	g := l.gathered
	wait := RollUp - time.Since(g.textAt)
	if wait <= 0 {
		wait = l.all.pace.wait(l)
	}
	if wait <= 0 {
		first := g.texts[0]
		g.texts, g.textAt, wait = g.texts[1:], time.Now(), RollUp
		l.all.cast(first, l.held())
	}
	if len(g.texts) > 0 && g.texting == nil {
		g.texting = time.AfterFunc(wait, func() { // ends with tellTexts or stop
			l.mu.Lock()
			defer l.mu.Unlock()
			if g.texting = nil; len(g.texts) > 0 {
				l.turnText()
			}
		})
	}
	if len(g.texts) == 0 {
		stopTimer(&g.texting)
	}
}

// tellTexts tells the texts that wait and are chosen.
func (l *Lane) tellTexts(chosen func(*store.Record) bool) {
	g := l.gathered
	if g == nil || len(g.texts) == 0 {
		return
	}
	held := l.held()
	g.texts = slices.DeleteFunc(g.texts, func(waiting *store.Record) bool {
		tell := chosen(waiting)
		if tell {
			l.all.cast(waiting, held)
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
