package limit

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/engine"
	"chorus/node/config"
	"chorus/node/listener"

	"github.com/redis/go-redis/v9"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Bounds bounds how fast clients may ask this node for something.
type Bounds struct {
	Stats       Stats
	connections *Connections
	subjects    *Subjects
	handshakes  *Addresses
	failures    *Failures
}

// New returns the bounds of a configuration; client is nil without Redis.
func New(c *config.Config, client redis.UniversalClient, log *slog.Logger) *Bounds {
	bounds := limitsOf(c)
	l := &Bounds{}
	l.subjects = NewSubjects(bounds.Subject, client, c.Cluster.Redis.Prefix, log, &l.Stats)
	l.connections = NewConnections(bounds, l.subjects, &l.Stats)
	l.handshakes = NewAddresses(bounds.Handshakes)
	l.failures = NewFailures(bounds.FailedAuths)
	return l
}

// Set changes all bounds.
func (l *Bounds) Set(c *config.Config) {
	bounds := limitsOf(c)
	l.subjects.Set(bounds.Subject)
	l.connections.Set(bounds)
	l.handshakes.Set(bounds.Handshakes)
	l.failures.Set(bounds.FailedAuths)
}

// limitsOf returns the bounds of a configuration.
func limitsOf(c *config.Config) Limits {
	events := func(rate config.Rate, burst int64) Bucket {
		return Bucket{Rate: rate.PerSecond(), Burst: int(burst)}
	}
	l := &c.Limits
	return Limits{
		Events:      events(l.Events.Rate, l.Events.Burst),
		Bytes:       Bucket{Rate: l.Bytes.Rate.PerSecond(), Burst: int(min(l.Bytes.Burst, math.MaxInt32))},
		Subject:     events(l.Subject.Events.Rate, l.Subject.Events.Burst),
		Handshakes:  events(l.Handshakes.Rate, l.Handshakes.Burst),
		FailedAuths: events(l.FailedAuth.Rate, l.FailedAuth.Burst),
	}
}

// Addresses returns how many addresses there are whose handshakes are counted.
func (l *Bounds) Addresses() int { return l.handshakes.Len() }

// Guard returns the bounds of a new connection.
func (l *Bounds) Guard(conn *engine.Conn) engine.Guard {
	return &guard{l.connections.Connection(client{conn}), conn}
}

// guard is Connection as the engine wants it.
type guard struct {
	*Connection
	conn *engine.Conn
}

// Message implements engine.Guard. A client that goes on and on is told to stay away: the official client does
// not connect again by itself after that.
func (g *guard) Message(data []byte, binary bool) (bool, error) {
	handled, err := g.Connection.Message(data, binary)
	if !errors.Is(err, ErrAbuse) {
		return handled, err
	}
	for _, queue := range g.conn.Queues() {
		if s, ok := queue.(*socket.Socket); ok {
			s.Disconnect(true)
		}
	}
	g.conn.Close(false)
	return false, nil
}

// client is an engine.Conn as package limit wants it.
type client struct{ *engine.Conn }

var _ Client = client{}

// Answer implements Client.
func (c client) Answer(packet []byte) {
	c.SendMessage(engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: packet}))
}

// Subject implements Client.
func (c client) Subject(namespace string) string {
	for _, queue := range c.Queues() {
		if s, ok := queue.(*socket.Socket); ok && s.Nsp().Name() == namespace {
			if claims := auth.FromSocket(s); claims != nil {
				return claims.Subject()
			}
		}
	}
	return ""
}

// LimitHandshakes refuses handshakes of addresses that have too many, and reports them.
func (l *Bounds) LimitHandshakes(next http.Handler, refused func(address string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && engine.SessionID(r) == "" {
			if wait, ok := l.handshakes.Allow(r.RemoteAddr); !ok {
				l.Stats.Handshakes.Add(1)
				refused(r.RemoteAddr)
				tooMany(w, r, wait)
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}

// tooMany answers with 429 (RFC 6585 section 4).
func tooMany(w http.ResponseWriter, r *http.Request, wait time.Duration) {
	listener.DropBody(w, r)
	seconds := int64(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": Code, "message": "too many handshakes: connect more slowly", "retry_after_ms": Milliseconds(wait),
	})
}

// harmless are the codes of refused tokens that are no attempt to guess one.
var harmless = []string{
	refusal.CodeCredentialsRequired, refusal.CodeKeysUnavailable, refusal.CodeTooManyConnections, refusal.CodeInternalError,
	refusal.CodeOriginNotAllowed,
}

// DelayFailures keeps answers about bad tokens back, for addresses that show many of them.
func (l *Bounds) DelayFailures(verify socket.NamespaceMiddleware) socket.NamespaceMiddleware {
	return func(s *socket.Socket, next func(*socket.ExtendedError)) {
		verify(s, func(err *socket.ExtendedError) {
			if delay := l.Delay(s, tokenCode(err)); delay > 0 {
				time.AfterFunc(delay, func() { next(err) })
				return
			}
			next(err)
		})
	}
}

// Delay counts a bad token of an address, and returns for how long the answer with this code is kept back.
func (l *Bounds) Delay(s *socket.Socket, code string) time.Duration {
	if code == "" || slices.Contains(harmless, code) {
		return 0
	}
	delay := l.failures.Failed(s.Conn().RemoteAddress())
	if delay > 0 {
		l.Stats.FailedAuths.Add(1)
	}
	return delay
}

// tokenCode returns the code with which a client is refused, empty for none.
func tokenCode(err *socket.ExtendedError) string {
	if err == nil {
		return ""
	}
	data, _ := err.Data.(map[string]any)
	code, _ := data["code"].(string)
	return code
}
