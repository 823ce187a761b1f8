package hook

import (
	"crypto/sha256"
	"slices"
	"sync"
	"time"

	"chorus/auth"
	"chorus/chat"

	lru "github.com/hashicorp/golang-lru/v2"
)

// verdict is what the hook said.
type verdict struct {
	allow         bool
	code, message string
	rooms         []string
	claims        map[string]any

	gift // what is for this one action, so that nothing of it is remembered

	at    time.Time
	until time.Time // up to when the hook need not be asked again; zero for not at all
}

// gift is what an answer gives to one action alone.
type gift struct {
	args  []any // nil when nothing is replaced
	value *any
	ack   *any
	emit  []chat.Emission
}

func (g *gift) isEmpty() bool {
	return g.args == nil && g.value == nil && g.ack == nil && len(g.emit) == 0
}

// apply puts a verdict into an action.
func (v *verdict) apply(a *chat.Action) error {
	if !v.allow {
		return &chat.Error{Code: v.code, Message: v.message}
	}
	a.Rooms, a.Extra, a.Emit, a.Answer = v.rooms, v.claims, v.emit, v.ack
	switch {
	case v.args != nil:
		a.Args = v.args
	case v.value != nil && a.Kind == chat.ActionEvent:
		a.Args = []any{*v.value}
	case v.value != nil:
		a.Value = *v.value
	}
	return nil
}

// key is what a verdict is about.
type key struct {
	user       string
	action     chat.ActionKind
	namespace  string
	room, to   string
	event      string
	generation uint64 // of the tokens of the user
}

func keyOf(user string, a *chat.Action) key {
	return key{user: user, action: a.Kind, namespace: a.Socket().Nsp().Name(), room: a.Room, to: a.To, event: a.Event}
}

// maxTokens is how many tokens of a user are told from new ones: a user has several devices.
const maxTokens = 16

// tokens are those of a user, as digests. Each new one begins another generation, in which no verdict is known.
type tokens struct {
	generation uint64
	known      [][sha256.Size]byte
}

// verdicts remembers what the hook said. Its size is bounded: what was not used for longest is forgotten.
type verdicts struct {
	mu    sync.Mutex
	users *lru.Cache[string, *tokens]
	said  *lru.Cache[key, *verdict]
	count uint64 // of generations
}

func newVerdicts(size int) *verdicts {
	users, _ := lru.New[string, *tokens](max(size, 1)) // it fails for a size below 1 only
	said, _ := lru.New[key, *verdict](max(size, 1))
	return &verdicts{users: users, said: said}
}

// token takes note of a token of a user. A new one empties what is known about the user.
func (m *verdicts) token(user string, claims *auth.Claims) {
	var digest [sha256.Size]byte
	if claims != nil {
		text, _ := claims.MarshalJSON() // it never fails
		digest = sha256.Sum256(text)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.tokensOf(user)
	if slices.Contains(t.known, digest) {
		return
	}
	if len(t.known) >= maxTokens {
		t.known = t.known[1:]
	}
	t.known = append(t.known, digest)
	m.count++
	t.generation = m.count
}

// tokensOf returns those of a user; the mutex is held.
func (m *verdicts) tokensOf(user string) *tokens {
	t, ok := m.users.Get(user)
	if !ok {
		m.count++
		t = &tokens{generation: m.count}
		m.users.Add(user, t)
	}
	return t
}

// generation returns that of a user's tokens.
func (m *verdicts) generation(user string) uint64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tokensOf(user).generation
}

// last returns the last verdict, nil when none is known.
func (m *verdicts) last(k key) *verdict {
	m.mu.Lock()
	defer m.mu.Unlock()
	k.generation = m.tokensOf(k.user).generation
	v, _ := m.said.Get(k)
	return v
}

// fresh returns the verdict that counts without asking, nil when there is none.
func (m *verdicts) fresh(k key, now time.Time) *verdict {
	if v := m.last(k); v != nil && now.Before(v.until) {
		return v
	}
	return nil
}

// remember keeps a verdict that was asked for in a generation of tokens. One that gives something to its action alone
// takes away what was known.
func (m *verdicts) remember(k key, generation uint64, v *verdict) {
	m.mu.Lock()
	defer m.mu.Unlock()
	k.generation = generation
	if !v.isEmpty() {
		m.said.Remove(k)
		return
	}
	m.said.Add(k, v)
}

func (m *verdicts) len() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.said.Len()
}
