package redisconn_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"chorus/internal/redisconn"
)

// An outage is reported once, however many attempts it takes, and the pauses grow until the connection is up.
func TestKeep(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		var begun []time.Time
		var lost []error
		outages := []error{errors.New("first"), errors.New("first, again"), errors.New("second"), errors.New("second, again")}
		redisconn.Keep(ctx, func(up func()) error {
			begun = append(begun, time.Now())
			n := len(begun)
			if n == 3 {
				up() // the connection is there for a while
			}
			if n > len(outages) {
				cancel()
				return context.Canceled
			}
			return outages[n-1]
		}, func(err error) { lost = append(lost, err) })

		if !slices.Equal(lost, []error{outages[0], outages[2]}) {
			t.Errorf("reported %v", lost)
		}
		for i, most := range []time.Duration{redisconn.MinBackoff, 2 * redisconn.MinBackoff, redisconn.MinBackoff, 2 * redisconn.MinBackoff} {
			if pause := begun[i+1].Sub(begun[i]); pause < most/2 || pause > most {
				t.Errorf("pause %d took %s, want between %s and %s", i+1, pause, most/2, most)
			}
		}
	})
}

func TestBackoffIsBounded(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var b redisconn.Backoff
		for range 20 {
			begin := time.Now()
			b.Wait(t.Context())
			if took := time.Since(begin); took > redisconn.MaxBackoff {
				t.Fatalf("waited %s", took)
			}
		}
	})
}
