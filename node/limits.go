package node

import (
	"encoding/json"
	"errors"
	"log/slog"
	"math"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"

	"chorus/auth"
	"chorus/auth/refusal"
	"chorus/engine"
	"chorus/node/config"
	"chorus/node/limit"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// limits bounds how fast clients may ask this node for something.
type limits struct {
	stats       limit.Stats
	connections *limit.Connections
	subjects    *limit.Subjects
	handshakes  *limit.Addresses
	failures    *limit.Failures
}

// newLimits returns the bounds of a configuration; client is nil without Redis.
func newLimits(c *Config, client redis.UniversalClient, log *slog.Logger) *limits {
	bounds := limitsOf(c)
	l := &limits{}
	l.subjects = limit.NewSubjects(bounds.Subject, client, c.Cluster.Redis.Prefix, log, &l.stats)
	l.connections = limit.NewConnections(bounds, l.subjects, &l.stats)
	l.handshakes = limit.NewAddresses(bounds.Handshakes)
	l.failures = limit.NewFailures(bounds.FailedAuths)
	return l
}

// set changes all bounds.
func (l *limits) set(c *Config) {
	bounds := limitsOf(c)
	l.subjects.Set(bounds.Subject)
	l.connections.Set(bounds)
	l.handshakes.Set(bounds.Handshakes)
	l.failures.Set(bounds.FailedAuths)
}

// limitsOf returns the bounds of a configuration.
func limitsOf(c *Config) limit.Limits {
	events := func(rate config.Rate, burst int64) limit.Bucket {
		return limit.Bucket{Rate: rate.PerSecond(), Burst: int(burst)}
	}
	l := &c.Limits
	return limit.Limits{
		Events:      events(l.Events.Rate, l.Events.Burst),
		Bytes:       limit.Bucket{Rate: l.Bytes.Rate.PerSecond(), Burst: int(min(l.Bytes.Burst, math.MaxInt32))},
		Subject:     events(l.Subject.Events.Rate, l.Subject.Events.Burst),
		Handshakes:  events(l.Handshakes.Rate, l.Handshakes.Burst),
		FailedAuths: events(l.FailedAuth.Rate, l.FailedAuth.Burst),
	}
}

// addresses returns how many addresses there are whose handshakes are counted.
func (l *limits) addresses() int { return l.handshakes.Len() }

// guard returns the bounds of a new connection.
func (l *limits) guard(conn *engine.Conn) engine.Guard {
	return &guard{l.connections.Connection(client{conn}), conn}
}

// guard is limit.Connection as the engine wants it.
type guard struct {
	*limit.Connection
	conn *engine.Conn
}

// Message implements engine.Guard. A client that goes on and on is told to stay away: the official client does
// not connect again by itself after that.
func (g *guard) Message(data []byte, binary bool) (bool, error) {
	handled, err := g.Connection.Message(data, binary)
	if !errors.Is(err, limit.ErrAbuse) {
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

var _ limit.Client = client{}

// Answer implements limit.Client.
func (c client) Answer(packet []byte) {
	c.SendMessage(engine.NewMessage(engine.MessageOptions{}, engine.Part{Data: packet}))
}

// Subject implements limit.Client.
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

// limitHandshakes refuses handshakes of addresses that have too many, and reports them.
func (l *limits) limitHandshakes(next http.Handler, refused func(address string)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet && engine.SessionID(r) == "" {
			if wait, ok := l.handshakes.Allow(r.RemoteAddr); !ok {
				l.stats.Handshakes.Add(1)
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
	dropBody(w, r)
	seconds := int64(math.Ceil(wait.Seconds()))
	w.Header().Set("Retry-After", strconv.FormatInt(max(seconds, 1), 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(http.StatusTooManyRequests)
	_ = json.NewEncoder(w).Encode(map[string]any{
		"code": limit.Code, "message": "too many handshakes: connect more slowly", "retry_after_ms": limit.Milliseconds(wait),
	})
}

// harmless are the codes of refused tokens that are no attempt to guess one.
var harmless = []string{
	refusal.CodeCredentialsRequired, refusal.CodeKeysUnavailable, refusal.CodeTooManyConnections, refusal.CodeInternalError,
	refusal.CodeOriginNotAllowed,
}

// delayFailures keeps answers about bad tokens back, for addresses that show many of them.
func (l *limits) delayFailures(verify socket.NamespaceMiddleware) socket.NamespaceMiddleware {
	return func(s *socket.Socket, next func(*socket.ExtendedError)) {
		verify(s, func(err *socket.ExtendedError) {
			if code := tokenCode(err); code == "" || slices.Contains(harmless, code) {
				next(err)
				return
			}
			delay := l.failures.Failed(s.Conn().RemoteAddress())
			if delay == 0 {
				next(err)
				return
			}
			l.stats.FailedAuths.Add(1)
			time.AfterFunc(delay, func() { next(err) })
		})
	}
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
