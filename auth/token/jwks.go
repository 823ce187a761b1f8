package token

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/time/rate"
)

const (
	// DefaultJWKSRefresh is the time between two looks at the JWKS unless Options say otherwise.
	DefaultJWKSRefresh = 5 * time.Minute

	// MinJWKSRefresh is the shortest time between two looks at the JWKS.
	MinJWKSRefresh = time.Second

	// askEvery and askBurst bound how often tokens of unknown keys have the JWKS read again: anybody
	// can make up such tokens.
	askEvery = 10 * time.Second
	askBurst = 3

	// minRetry is the first pause after a failure. Each one after it is twice as long, up to the time
	// between two looks.
	minRetry = time.Second
)

// jwks keeps the keys of an issuer up to date in a keyring. One goroutine does all the fetching; what
// goes wrong leaves the keys as they are.
type jwks struct {
	fetch   jwksFetch
	ring    *keyring
	refresh time.Duration // between two looks
	log     *slog.Logger
	asks    *rate.Limiter
	wake    chan struct{} // somebody asks for a look now
	cancel  context.CancelFunc
	done    chan struct{} // closed when the goroutine has ended
	ended   <-chan struct{}

	mu      sync.Mutex
	pending chan struct{} // closed at the end of the look that is going on or about to begin; nil without one
	state   jwksState
}

// jwksState is what is known of the looks so far.
type jwksState struct {
	loadedAt  time.Time // of the last success
	successes uint64
	failures  uint64
	row       int   // of failures since the last success
	err       error // of the last failure, nil after a success
}

// startJWKS looks at the JWKS for the first time and from then on until close.
func startJWKS(fetch jwksFetch, ring *keyring, refresh time.Duration, log *slog.Logger) *jwks {
	ctx, cancel := context.WithCancel(context.Background())
	j := &jwks{
		fetch:   fetch,
		ring:    ring,
		refresh: refresh,
		log:     log,
		asks:    rate.NewLimiter(rate.Every(askEvery), askBurst),
		wake:    make(chan struct{}, 1),
		cancel:  cancel,
		done:    make(chan struct{}),
		ended:   ctx.Done(),
		pending: make(chan struct{}), // tokens that come early wait for the first look
	}
	go j.run(ctx) // ends with close, which waits for it
	return j
}

func (j *jwks) close() {
	j.cancel()
	<-j.done
}

func (j *jwks) run(ctx context.Context) {
	defer close(j.done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-timer.C:
		case <-j.wake:
		}
		timer.Reset(j.look(ctx))
	}
}

// ask has the JWKS read now and waits for it, also for a look that is already going on. It returns false
// when there is nothing to wait for: there were too many of late, or an end came.
func (j *jwks) ask(ctx context.Context) bool {
	if j == nil {
		return false
	}
	pending := j.request()
	if pending == nil {
		return false
	}
	select {
	case <-pending:
		return true
	case <-ctx.Done():
	case <-j.ended:
	}
	return false
}

func (j *jwks) request() <-chan struct{} {
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.pending == nil && j.asks.Allow() {
		j.pending = make(chan struct{})
		j.wake <- struct{}{} // has room: it is emptied before pending becomes nil
	}
	return j.pending
}

// look reads the JWKS once and returns the pause to the next time.
func (j *jwks) look(ctx context.Context) time.Duration {
	j.begin()
	keys, ignored, err := j.read(ctx)
	changed := err == nil && j.ring.setIssued(keys)
	if ctx.Err() != nil {
		return 0 // by close, which is no failure
	}
	state, before := j.end(err)
	switch {
	case err != nil && before.row == 0:
		j.reportOutage(ctx, err, before)
	case err == nil && before.row > 0:
		j.log.LogAttrs(ctx, slog.LevelInfo, "auth: the JWKS can be read again", slog.Int("failures", before.row))
	}
	if changed {
		j.log.LogAttrs(ctx, slog.LevelInfo, "auth: new keys from the JWKS", slog.Int("keys", len(keys)), slog.Int("ignored", len(ignored)))
		for _, why := range ignored {
			j.log.LogAttrs(ctx, slog.LevelDebug, "auth: a key of the JWKS is ignored", slog.Any("error", why))
		}
	}
	return j.pause(state.row)
}

func (j *jwks) read(ctx context.Context) ([]key, []error, error) {
	data, err := j.fetch(ctx)
	if err != nil {
		return nil, nil, err
	}
	return parseJWKSet(data)
}

func (j *jwks) begin() {
	j.mu.Lock()
	defer j.mu.Unlock()
	select {
	case <-j.wake: // whoever asked is served by this look, also when it was the timer that began it
	default:
	}
	if j.pending == nil {
		j.pending = make(chan struct{})
	}
}

// end notes the result of a look and wakes those who wait for it.
func (j *jwks) end(err error) (state, before jwksState) {
	j.mu.Lock()
	defer j.mu.Unlock()
	before = j.state
	j.state.err = err
	if err != nil {
		j.state.failures++
		j.state.row++
	} else {
		j.state.successes++
		j.state.row = 0
		j.state.loadedAt = time.Now()
	}
	close(j.pending)
	j.pending = nil
	return j.state, before
}

func (j *jwks) pause(failures int) time.Duration {
	pause := j.refresh
	if failures > 0 {
		pause = min(pause, minRetry<<min(failures-1, 16))
	}
	return pause
}

// reportOutage logs the first failure of an outage. The keys that there are stay good; without any,
// nobody can come in, and a person must act.
func (j *jwks) reportOutage(ctx context.Context, err error, before jwksState) {
	if before.successes == 0 {
		j.log.LogAttrs(ctx, slog.LevelError, "auth: the JWKS cannot be read: its tokens are refused until it can be", slog.Any("error", err))
		return
	}
	j.log.LogAttrs(ctx, slog.LevelWarn, "auth: the JWKS cannot be read: the keys read before stay in force",
		slog.Any("error", err), slog.Duration("age", time.Since(before.loadedAt)))
}

// snapshot returns what is known at this moment.
func (j *jwks) snapshot() jwksState {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state
}

// ready returns why there are no keys, nil when there are.
func (j *jwks) ready() error {
	state := j.snapshot()
	switch {
	case state.successes > 0:
		return nil
	case state.err != nil:
		return fmt.Errorf("%w: %w", ErrKeysUnavailable, state.err)
	}
	return fmt.Errorf("%w: the JWKS has not been read yet", ErrKeysUnavailable)
}
