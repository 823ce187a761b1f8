package webhook

import (
	"context"
	"log/slog"
	"strconv"
	"sync"
	"time"

	"chorus/auth/revocation"
	"chorus/auth/token"
	"chorus/chat"
	"chorus/chat/notice"
)

// toldFor is how old a revocation may be of which back ends are told: a node that was away for longer tells of none.
const toldFor = 5 * time.Minute

// RevocationTeller tells back ends of new revocations. Every node hears of each; the store tells of it once.
type RevocationTeller struct {
	set   *revocation.Set
	store chat.Notices
	log   *slog.Logger
	stop  func()
	end   context.CancelFunc
	tasks sync.WaitGroup
}

// NewRevocationTeller begins to tell of what is revoked from now on.
func NewRevocationTeller(set *revocation.Set, store chat.Notices, log *slog.Logger) *RevocationTeller {
	t := &RevocationTeller{set: set, store: store, log: log}
	ctx, cancel := context.WithCancel(context.Background())
	wake := make(chan struct{}, 1)
	t.end = cancel
	t.stop = set.Watch(func(func(*token.Claims) bool) {
		select {
		case wake <- struct{}{}:
		default: // it is going to look anyway
		}
	})
	t.tasks.Go(func() { t.run(ctx, wake) }) // ends with close
	return t
}

// Close ends it.
func (t *RevocationTeller) Close() {
	t.stop()
	t.end()
	t.tasks.Wait()
}

// run tells of what is new since it looked last.
func (t *RevocationTeller) run(ctx context.Context, wake <-chan struct{}) {
	told := make(map[string]time.Time)
	for {
		select {
		case <-ctx.Done():
			return
		case <-wake:
		}
		oldest := time.Now().Add(-toldFor)
		for _, r := range t.set.List() {
			if r.At.Before(oldest) {
				break // the newest come first
			}
			name := r.TokenID + "\n" + r.Subject + "\n" + strconv.FormatInt(r.At.UnixMicro(), 10)
			if _, known := told[name]; known {
				continue
			}
			told[name] = r.At
			if err := t.tell(ctx, &r, name); err != nil {
				t.log.Warn("back ends are not told of a revocation", slog.Any("error", err))
				delete(told, name)
			}
		}
		for name, at := range told {
			if at.Before(oldest) {
				delete(told, name)
			}
		}
	}
}

func (t *RevocationTeller) tell(ctx context.Context, r *revocation.Revocation, once string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	members := []notice.Member{{Name: "at", Value: r.At.UnixMilli()}}
	if r.Subject != "" {
		members = append(members, notice.Member{Name: "user", Value: notice.User{ID: r.Subject}})
	}
	if r.TokenID != "" {
		members = append(members, notice.Member{Name: "jti", Value: r.TokenID})
	}
	if !r.IssuedBefore.IsZero() {
		members = append(members, notice.Member{Name: "before", Value: r.IssuedBefore.UnixMilli()})
	}
	if !r.Until.IsZero() && r.Until.Before(revocation.Forever) {
		members = append(members, notice.Member{Name: "until", Value: r.Until.UnixMilli()})
	}
	return t.store.Notify(ctx, &notice.Notice{Kind: notice.TokenRevoked, User: r.Subject, Members: notice.Members(members...), Once: once})
}
