package webhook

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"chorus/api/sign"
)

// Target is a back end that gets events.
type Target struct {
	Name         string
	URL          string
	Signer       *sign.Signer
	Batch        int           // events of one request; default 1
	Timeout      time.Duration // of a request; default 15 s
	RetryFor     time.Duration // how long an event is tried again; default 24 h
	AllowPrivate bool          // addresses that are not public may be dialled
	// AllowLoopback permits this machine, for development.
	AllowLoopback bool
}

// maxDiscarded is how much is read of an answer, so that its connection can be used again.
const maxDiscarded = 64 << 10

// sender sends requests to a target.
type sender struct {
	target *Target
	client *http.Client
}

func newSender(t *Target) *sender {
	dialer := &net.Dialer{Timeout: t.Timeout, KeepAlive: 30 * time.Second, Control: permission{t.AllowPrivate, t.AllowLoopback}.control}
	return &sender{target: t, client: &http.Client{
		Transport: &http.Transport{ // no Proxy: the dialer must see the address of the target
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    t.Timeout,
			MaxIdleConnsPerHost:    maxUnderWay,
			IdleConnTimeout:        time.Minute,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what became of a request.
type answer struct {
	ok      bool
	off     bool          // 410
	pause   time.Duration // that the target asks for
	all     bool          // the pause is for all events, and not only for these
	lost    bool          // no answer of the back end came
	failure string
}

// send sends events, of which there is at least one.
func (s *sender) send(ctx context.Context, events []*Event) answer {
	id, body := s.body(events)
	ctx, cancel := context.WithTimeout(ctx, s.target.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, s.target.URL, bytes.NewReader(body))
	if err != nil {
		return answer{failure: "the url is not an address"} // the error would contain it
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "chorus")
	request.Header["Idempotency-Key"] = nil // a connection that the other side has closed meanwhile is replaced
	s.target.Signer.Sign(request.Header, id, time.Now(), body)
	response, err := s.client.Do(request)
	if err != nil {
		return answer{lost: true, failure: reason(err)}
	}
	defer func() { _ = response.Body.Close() }()
	_, _ = io.CopyN(io.Discard, response.Body, maxDiscarded) // the status decides
	return judge(response, time.Now())
}

// judge says what a status means.
func judge(r *http.Response, now time.Time) answer {
	a := answer{failure: "status " + strconv.Itoa(r.StatusCode)}
	switch status := r.StatusCode; {
	case status >= 200 && status <= 299:
		return answer{ok: true}
	case status == http.StatusGone:
		a.off = true
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable:
		a.pause, a.all = retryAfter(r.Header.Get("Retry-After"), now), status == http.StatusTooManyRequests
		a.lost = status == http.StatusServiceUnavailable
	case status == http.StatusBadGateway, status == http.StatusGatewayTimeout:
		a.lost = true
	case status >= 300 && status <= 399:
		a.failure += ": redirects are not followed"
	}
	return a
}

// maxRetryAfter bounds the pause that a target asks for: one wrong answer must not keep it from events for years.
const maxRetryAfter = 24 * time.Hour

// retryAfter reads seconds or a date (RFC 9110 section 10.2.3); 0 for nothing.
func retryAfter(text string, now time.Time) time.Duration {
	if seconds, err := strconv.ParseUint(strings.TrimSpace(text), 10, 32); err == nil {
		return min(time.Duration(seconds)*time.Second, maxRetryAfter) //nolint:gosec // it has 32 bits
	}
	if at, err := http.ParseTime(text); err == nil {
		return min(max(0, at.Sub(now)), maxRetryAfter)
	}
	return 0
}

// reason says why no answer came, without the address of the target, which may contain a secret.
func reason(err error) string {
	var of *url.Error
	if errors.As(err, &of) {
		err = of.Err
	}
	switch {
	case errors.Is(err, ErrPrivate):
		return ErrPrivate.Error()
	case errors.Is(err, context.DeadlineExceeded):
		return "no answer in time"
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "the host of the url is not known"
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

// body returns the id and the body of a request. They are the same for the same events.
func (s *sender) body(events []*Event) (id string, body []byte) {
	if s.target.Batch <= 1 {
		return events[0].ID, appendEvent(nil, events[0], false)
	}
	sum := sha256.New()
	body = fmt.Appendf(body, `{"type":"batch","timestamp":%q,"data":{"events":[`, stamp(events[len(events)-1].At))
	for i, e := range events {
		if i > 0 {
			body = append(body, ',')
		}
		body = appendEvent(body, e, true)
		sum.Write([]byte(e.ID))
	}
	return "evt_batch_" + hex.EncodeToString(sum.Sum(nil)[:16]), append(body, "]}}"...)
}

// appendEvent adds the JSON of an event, in a batch with its id.
func appendEvent(b []byte, e *Event, withID bool) []byte {
	b = append(b, '{')
	if withID {
		b = fmt.Appendf(b, `"id":%q,`, e.ID)
	}
	b = fmt.Appendf(b, `"type":%q,"timestamp":%q,"data":{"seq":%d`, e.Kind, stamp(e.At), e.Seq)
	if e.Data != "" {
		b = append(append(b, ','), e.Data...)
	}
	return append(b, "}}"...)
}

// stamp writes a time in milliseconds as RFC 3339.
func stamp(at int64) string { return time.UnixMilli(at).UTC().Format("2006-01-02T15:04:05.000Z") }
