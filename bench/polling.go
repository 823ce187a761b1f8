package bench

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"sync"
)

// packetSeparator stands between the packets of one body (Engine.IO 4, HTTP long-polling).
const packetSeparator = '\x1e'

// polling is a session over HTTP long-polling. One goroutine asks for packets, again and again; another posts what waits,
// one request at a time: the server closes a session that has two.
type polling struct {
	client *http.Client
	url    string // with the session's id, once there is one
	end    context.CancelFunc
	ended  context.Context //nolint:containedctx // of the goroutines, which outlive the call that starts them

	body     bytes.Buffer
	received [][]byte // packets that have not been read, while the client joins

	mu      sync.Mutex
	waiting []byte        // packets to post, each with a separator behind it
	wake    chan struct{} // something waits
}

// openPolling makes a member of a new session at the server. ctx is for that alone; the session ends with life.
func openPolling(ctx, life context.Context, client *http.Client, d dialect, server *url.URL, m member) (*polling, error) {
	p := &polling{client: client, url: "http://" + server.Host + d.target(server), wake: make(chan struct{}, 1)}
	open, err := p.get(ctx)
	if err != nil {
		return nil, unanswered(ctx, err)
	}
	var opened struct {
		ID string `json:"sid"`
	}
	first, _, _ := bytes.Cut(open, []byte{packetSeparator})
	if len(first) == 0 || first[0] != eioOpen || json.Unmarshal(first[1:], &opened) != nil || opened.ID == "" {
		return nil, fmt.Errorf("%w: the first answer is %s instead of OPEN", ErrProtocol, excerpt(open))
	}
	p.url += "&sid=" + url.QueryEscape(opened.ID)
	p.received = packetsOf(open)
	if err := d.join(&pollingJoin{ctx, p}, m); err != nil {
		return nil, unanswered(ctx, err)
	}
	p.ended, p.end = context.WithCancel(life)
	return p, nil
}

// unanswered says it when a server did not answer in time.
func unanswered(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return fmt.Errorf("the server does not answer: %w", ctx.Err())
	}
	return err
}

// packetsOf returns copies of the packets of a body.
func packetsOf(body []byte) [][]byte {
	return bytes.Split(bytes.Clone(body), []byte{packetSeparator})
}

// pollingJoin is a session whose client joins: it is read and written in turn, by one goroutine.
type pollingJoin struct {
	ctx context.Context //nolint:containedctx // of openPolling, during which this lives
	*polling
}

func (j *pollingJoin) send(packet []byte) error { return j.post(j.ctx, packet) }

func (j *pollingJoin) receive() ([]byte, error) {
	for {
		if len(j.received) > 0 {
			packet := j.received[0]
			if j.received = j.received[1:]; len(packet) == 0 {
				return nil, fmt.Errorf("%w: an empty packet", ErrProtocol)
			}
			return packet, nil
		}
		body, err := j.get(j.ctx)
		if err != nil {
			return nil, err
		}
		j.received = packetsOf(body)
	}
}

// get asks for packets. The body is valid until the next call.
func (p *polling) get(ctx context.Context) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, p.url, nil)
	if err != nil {
		return nil, err
	}
	p.body.Reset()
	if err := p.do(request, &p.body); err != nil {
		return nil, err
	}
	return p.body.Bytes(), nil
}

// post sends packets, with separators between them.
func (p *polling) post(ctx context.Context, packets []byte) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, p.url, bytes.NewReader(packets))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "text/plain;charset=UTF-8")
	var answer bytes.Buffer
	return p.do(request, &answer)
}

// do makes a request and fails unless the answer is 200.
func (p *polling) do(request *http.Request, answer *bytes.Buffer) error {
	response, err := p.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost with it
	n, err := io.Copy(answer, io.LimitReader(response.Body, maxFrame+1))
	switch {
	case err != nil:
		return unexpected(err)
	case n > maxFrame:
		return fmt.Errorf("%w: an answer of more than %d bytes", ErrProtocol, maxFrame)
	case response.StatusCode != http.StatusOK:
		return fmt.Errorf("%w: %s %s: %s", ErrRefused, request.Method, response.Status, excerpt(answer.Bytes()))
	}
	return nil
}

// run receives and posts for the client in two goroutines, which end with the session.
func (p *polling) run(running *sync.WaitGroup, r *receiver, c *conn) {
	running.Go(func() {
		early := bytes.Join(p.received, []byte{packetSeparator})
		p.received = nil
		for err := r.takePackets(c, early); ; {
			if p.over(r, c, err) {
				return
			}
			var body []byte
			if body, err = p.get(p.ended); err == nil {
				err = r.takePackets(c, body)
			}
		}
	})
	running.Go(func() {
		for {
			select {
			case <-p.ended.Done():
				return
			case <-p.wake:
			}
			if packets := p.take(); len(packets) > 0 && p.over(r, c, p.post(p.ended, packets)) {
				return
			}
		}
	})
}

// over reports whether the session has ended, which it does with an error.
func (p *polling) over(r *receiver, c *conn, err error) bool {
	if p.ended.Err() != nil {
		return true
	}
	if err != nil {
		r.mu.Lock()
		r.drop(c, err)
		r.mu.Unlock()
	}
	return err != nil
}

// take returns the packets that wait, as a body.
func (p *polling) take() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	packets := bytes.TrimSuffix(p.waiting, []byte{packetSeparator})
	p.waiting = nil
	return packets
}

// tryWrite has packets posted, each with a separator behind it. It fails when too many wait.
func (p *polling) tryWrite(packets []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.waiting)+len(packets) > max(maxPending, len(packets)) {
		return 0, errPending
	}
	p.waiting = append(p.waiting, packets...)
	select {
	case p.wake <- struct{}{}:
	default: // it is awake
	}
	return len(packets), nil
}

func (p *polling) notifyWritable(bool) error { return nil }

func (p *polling) close() error { p.end(); return nil }

// takePackets takes the packets of a body. Several goroutines may call it.
func (r *receiver) takePackets(c *conn, body []byte) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now, arrived := r.clock.now(), uint64(0)
	var err error
	for packet := range bytes.SplitSeq(body, []byte{packetSeparator}) {
		n, failure := r.messages(c, packet, now)
		arrived += n
		err = errors.Join(err, failure)
	}
	r.arrived.Add(arrived)
	if r.window.has(now) {
		r.inWindow += arrived
		r.bytes += uint64(len(body))
	}
	return err
}
