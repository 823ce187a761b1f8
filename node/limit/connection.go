package limit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/time/rate"
)

// abuse is how many bursts of refused events, beyond what trickles back, a connection may have before it is
// closed.
const abuse = 10

// ErrAbuse ends a connection that went on sending events that were refused.
var ErrAbuse = errors.New("limit: too many events were refused")

// Client is the connection that a Connection bounds.
type Client interface {
	// Answer sends the text of a Socket.IO packet.
	Answer(packet []byte)
	// Subject returns the user of the connection in a namespace, empty for none.
	Subject(namespace string) string
	// MayWait is called before a call that may take a while.
	MayWait()
}

// Connections makes the bounds of connections, and changes them together.
type Connections struct {
	stats    *Stats
	subjects *Subjects
	abusers  *abusers
	limits   atomic.Pointer[Limits]
}

// NewConnections returns the bounds of all connections.
func NewConnections(limits Limits, subjects *Subjects, stats *Stats) *Connections {
	c := &Connections{stats: stats, subjects: subjects, abusers: newAbusers()}
	c.Set(limits)
	return c
}

// Set changes the bounds.
func (cs *Connections) Set(limits Limits) { cs.limits.Store(&limits) }

// Connection bounds one connection. Message and Pause are called by one goroutine at a time.
type Connection struct {
	all    *Connections
	client Client
	skip   int  // attachments of an event that was refused
	abused bool // it is being closed
	known  bool // its user was looked up among the abusers

	mu      sync.Mutex
	limits  *Limits       // in force
	events  *rate.Limiter // nil, as the others, until there is such a bound
	bytes   *rate.Limiter
	refused *rate.Limiter // events that may be refused before the connection is closed
}

// Connection returns the bounds of a new connection.
func (cs *Connections) Connection(client Client) *Connection {
	return &Connection{all: cs, client: client}
}

// follow takes over the bounds in force.
func (c *Connection) follow() *Limits {
	now := c.all.limits.Load()
	c.mu.Lock()
	defer c.mu.Unlock()
	if now == c.limits {
		return now
	}
	c.limits = now
	c.events = follow(c.events, now.Events)
	c.bytes = follow(c.bytes, now.Bytes)
	slow := now.Events
	if !slow.on() {
		slow = now.Subject
	}
	c.refused = follow(c.refused, Bucket{Rate: slow.Rate, Burst: abuse * slow.burst()})
	return now
}

func follow(limiter *rate.Limiter, b Bucket) *rate.Limiter {
	if limiter == nil {
		if !b.on() {
			return nil
		}
		return rate.NewLimiter(b.limit(), b.burst())
	}
	limiter.SetLimit(b.limit())
	limiter.SetBurst(b.burst())
	return limiter
}

// Message reports whether a message of the client is handled. An error ends the connection.
func (c *Connection) Message(data []byte, binary bool) (handled bool, err error) {
	if binary && c.skip > 0 {
		c.skip--
		return false, nil
	}
	if binary || len(data) == 0 || data[0] != '2' && data[0] != '5' { // attachments belong to the text before them
		return true, nil
	}
	limits := c.follow()
	p := parse(data)
	c.withoutBurst(limits, p.namespace)
	wait, refused := time.Duration(0), limits.Events.on() && !c.events.Allow()
	if refused {
		c.all.stats.Events.Add(1)
		wait = limits.Events.wait()
	} else if wait, refused = c.overSubject(limits, p.namespace); refused {
		c.all.stats.Subjects.Add(1)
	}
	if !refused {
		return true, nil
	}
	c.skip = p.attachments
	switch {
	case c.abused:
		return false, nil
	case !c.refused.Allow():
		c.abused = true
		c.all.abusers.add(c.client.Subject(p.namespace))
		c.all.stats.Disconnected.Add(1)
		return false, ErrAbuse
	case p.id != "":
		c.client.Answer(answer(p, wait))
	}
	return false, nil
}

// withoutBurst takes the burst, but for one event, from the connection of a user who had another one closed.
func (c *Connection) withoutBurst(limits *Limits, namespace string) {
	if c.known {
		return
	}
	subject := c.client.Subject(namespace)
	if c.known = subject != ""; c.known && c.events != nil && c.all.abusers.has(subject) {
		c.events.AllowN(time.Now(), limits.Events.burst()-1)
	}
}

// overSubject reports whether the user sends too much, over all connections.
func (c *Connection) overSubject(limits *Limits, namespace string) (wait time.Duration, over bool) {
	if !limits.Subject.on() {
		return 0, false
	}
	subject := c.client.Subject(namespace)
	if subject == "" {
		return 0, false
	}
	return c.all.subjects.Take(context.Background(), subject, c.client.MayWait)
}

// Pause returns for how long a client that has sent so many bytes is not read.
func (c *Connection) Pause(size int) time.Duration {
	limits := c.follow()
	if !limits.Bytes.on() {
		return 0
	}
	now, pause := time.Now(), time.Duration(0)
	for burst := limits.Bytes.burst(); size > 0; size -= burst { // a reservation is no larger than a burst
		pause = c.bytes.ReserveN(now, min(size, burst)).DelayFrom(now)
	}
	if pause > 0 {
		c.all.stats.Bytes.Add(1)
	}
	return pause
}

// packet is what stands before the data of an event (Socket.IO protocol: packet encoding).
type packet struct {
	namespace   string
	id          string // empty for an event without acknowledgement
	attachments int
}

func parse(data []byte) (p packet) {
	binary := data[0] == '5'
	data = data[1:]
	if binary {
		count, rest, found := bytes.Cut(data, []byte("-"))
		if n, err := strconv.Atoi(string(count)); found && err == nil && n >= 0 {
			p.attachments, data = n, rest
		}
	}
	p.namespace = "/"
	if len(data) > 0 && data[0] == '/' {
		name, rest, _ := bytes.Cut(data, []byte(","))
		p.namespace, data = string(name), rest
		if query := bytes.IndexByte(name, '?'); query >= 0 {
			p.namespace = string(name[:query])
		}
	}
	digits := 0
	for digits < len(data) && data[digits] >= '0' && data[digits] <= '9' {
		digits++
	}
	if digits <= 16 { // the library reads no longer ones
		p.id = string(data[:digits])
	}
	return p
}

// Code is that of a refused event.
const Code = "rate_limited"

// answer returns the acknowledgement of a refused event.
func answer(p packet, wait time.Duration) []byte {
	var refusal struct {
		OK    bool `json:"ok"`
		Error struct {
			Code    string `json:"code"`
			Message string `json:"message"`
			Wait    int64  `json:"retry_after_ms"`
		} `json:"error"`
	}
	refusal.Error.Code, refusal.Error.Message, refusal.Error.Wait = Code, "too many events: send more slowly", Milliseconds(wait)
	body, _ := json.Marshal([]any{refusal}) // it cannot fail: texts and numbers
	text := []byte("3")
	if p.namespace != "/" {
		text = append(append(text, p.namespace...), ',')
	}
	return append(append(text, p.id...), body...)
}

// Milliseconds rounds a time up, so that those who wait for it do not come too early.
func Milliseconds(d time.Duration) int64 {
	return int64((d + time.Millisecond - 1) / time.Millisecond)
}
