package rest

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"strconv"
	"time"

	"chorus/chat"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/redis/go-redis/v9"
	"golang.org/x/time/rate"
)

// quota is what is left of what a key may do, as draft-ietf-httpapi-ratelimit-headers-10 tells it.
type quota struct {
	policy int64         // requests
	window time.Duration // in which they may be made
	left   int64
	reset  time.Duration // until all of them may be made again
	wait   time.Duration // until the refused request may be made
	over   bool
}

// exceeded reports whether the request is refused.
func (q *quota) exceeded() bool { return q != nil && q.over }

// write sets the headers.
func (q *quota) write(header http.Header) {
	if q == nil || q.policy == 0 {
		return
	}
	header["RateLimit-Policy"] = []string{fmt.Sprintf(`"requests";q=%d;w=%d`, q.policy, seconds(q.window))}
	header["RateLimit"] = []string{fmt.Sprintf(`"requests";r=%d;t=%d`, q.left, seconds(q.reset))}
}

// problem is the answer to a request beyond the rate.
func (q *quota) problem() *Problem {
	p := NewProblem(http.StatusTooManyRequests, chat.CodeRateLimited, "too many requests of this key")
	p.RetryAfterMS = max(q.wait.Milliseconds(), 1)
	p.headers.Set("Retry-After", strconv.FormatInt(max(seconds(q.wait), 1), 10))
	return p
}

// seconds rounds up.
func seconds(d time.Duration) int64 { return int64(math.Ceil(d.Seconds())) }

// newRates returns those of the cluster, or of this node when it is alone.
func newRates(opts *Options) *rates {
	if opts.Rate <= 0 {
		return &rates{}
	}
	own := newOwnRates(opts.Rate, opts.RateWindow)
	if opts.Client == nil {
		return &rates{own: own}
	}
	return &rates{own: own, cluster: &redisRates{client: opts.Client, prefix: opts.RedisPrefix, most: opts.Rate, window: opts.RateWindow}}
}

// rates asks the cluster, and while Redis is away this node. Without own there is no limit.
type rates struct {
	own     *ownRates
	cluster *redisRates
}

// take counts n requests of a key or address. Nil stands for no limit.
func (a *API) take(ctx context.Context, who string, n int64) *quota {
	switch r := a.rates; {
	case r.own == nil:
		return nil
	case r.cluster == nil || who[:1] == addressSign:
		return r.own.take(who, n)
	default:
		q, err := r.cluster.take(ctx, who, n)
		if err != nil {
			return r.own.take(who, n)
		}
		return q
	}
}

// addressSign begins the name of an address, which no key has.
const addressSign = "/"

// who returns for whom a request counts: its key, or its address when it has no good one.
func who(r *http.Request, x *exchange) string {
	if x.Who != nil {
		return x.Who.Name
	}
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		host = r.RemoteAddr
	}
	return addressSign + host
}

// maxOwnRates bounds for how many keys and addresses a node counts by itself. The oldest give way.
const maxOwnRates = 10_000

// ownRates counts on this node.
type ownRates struct {
	most   int64
	window time.Duration
	known  *lru.Cache[string, *rate.Limiter]
}

func newOwnRates(most int64, window time.Duration) *ownRates {
	known, _ := lru.New[string, *rate.Limiter](maxOwnRates) // fails for sizes below 1 only
	return &ownRates{most: most, window: window, known: known}
}

func (o *ownRates) take(who string, n int64) *quota {
	perSecond := float64(o.most) / o.window.Seconds()
	bucket := rate.NewLimiter(rate.Limit(perSecond), int(o.most))
	if before, found, _ := o.known.PeekOrAdd(who, bucket); found {
		bucket = before
		o.known.Get(who)
	}
	now := time.Now()
	n = min(n, o.most)
	q := &quota{policy: o.most, window: o.window, over: !bucket.AllowN(now, int(n))}
	tokens := bucket.TokensAt(now)
	q.left = max(int64(tokens), 0)
	q.reset = time.Duration((float64(o.most) - tokens) / perSecond * float64(time.Second))
	if q.over {
		q.wait = time.Duration((float64(n) - tokens) / perSecond * float64(time.Second))
	}
	return q
}

// redisRates counts over the cluster.
type redisRates struct {
	client redis.UniversalClient
	prefix string
	most   int64
	window time.Duration
}

// rateTimeout bounds what Redis may take: a request without an answer is counted by its node.
const rateTimeout = time.Second

// rateScript is the generic cell rate algorithm. KEYS[1] has the microsecond at which all requests may be made again. ARGV
// 1 microseconds of a request, 2 requests at once, 3 how many are made. It returns 1 or 0, the requests that are left,
// and the microseconds until all may be made and until this one may.
var rateScript = redis.NewScript(`
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1e6 + tonumber(time[2])
local each, most, n = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local due = math.max(tonumber(redis.call('GET', KEYS[1]) or '0'), now)
local after = due + n * each
local wait = after - most * each - now
if wait > 0 then
	return {0, math.max(math.floor((now + most * each - due) / each), 0), math.ceil(due - now), math.ceil(wait)}
end
if n > 0 then redis.call('SET', KEYS[1], string.format('%.0f', after), 'PX', math.ceil((after - now) / 1000) + 1) end
return {1, math.floor((now + most * each - after) / each), math.ceil(after - now), 0}
`)

func (r *redisRates) take(ctx context.Context, who string, n int64) (*quota, error) {
	ctx, cancel := context.WithTimeout(ctx, rateTimeout)
	defer cancel()
	each := float64(r.window.Microseconds()) / float64(r.most)
	answer, err := rateScript.Run(ctx, r.client, []string{RedisKey(r.prefix, "rate", who)}, each, r.most, min(n, r.most)).Int64Slice()
	if err != nil || len(answer) != 4 {
		return nil, fmt.Errorf("the rate cannot be counted: %w", err)
	}
	return &quota{
		policy: r.most, window: r.window, over: answer[0] == 0, left: answer[1],
		reset: time.Duration(answer[2]) * time.Microsecond, wait: time.Duration(answer[3]) * time.Microsecond,
	}, nil
}
