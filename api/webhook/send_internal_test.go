package webhook

import (
	"net/http"
	"strings"
	"testing"
	"time"
)

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC)
	for text, want := range map[string]time.Duration{
		"": 0, "120": 2 * time.Minute, "-1": 0, "1.5": 0, "99999999999999999999": 0, "soon": 0,
		"4294967295": maxRetryAfter, "Fri, 31 Dec 9999 23:59:59 GMT": maxRetryAfter,
		now.Add(time.Hour).Format(http.TimeFormat): time.Hour, now.Add(-time.Hour).Format(http.TimeFormat): 0,
	} {
		if got := retryAfter(text, now); got != want {
			t.Errorf("%q: %s, want %s", text, got, want)
		}
	}
}

func TestStatuses(t *testing.T) {
	t.Parallel()
	for status, check := range map[int]func(answer) bool{
		200: func(a answer) bool { return a.ok }, 204: func(a answer) bool { return a.ok }, 299: func(a answer) bool { return a.ok },
		301: func(a answer) bool { return !a.ok && strings.Contains(a.failure, "not followed") },
		400: func(a answer) bool { return !a.ok && !a.off && a.pause == 0 }, 410: func(a answer) bool { return a.off },
		429: func(a answer) bool { return a.pause == 7*time.Second && a.all }, 503: func(a answer) bool { return a.pause == 7*time.Second && !a.all && a.lost },
		500: func(a answer) bool { return a.pause == 0 && !a.lost }, 504: func(a answer) bool { return a.pause == 0 && a.lost },
	} {
		if a := judge(&http.Response{StatusCode: status, Header: http.Header{"Retry-After": {"7"}}}, time.Now()); !check(a) {
			t.Errorf("%d: %+v", status, a)
		}
	}
}

func TestBackoff(t *testing.T) {
	t.Parallel()
	for attempts, least := range map[int]time.Duration{0: time.Second, 1: time.Second, 2: 2 * time.Second, 5: 16 * time.Second, 10: 512 * time.Second, 11: maxBackoff, 1000: maxBackoff} {
		for range 100 {
			if wait := backoff(attempts); wait < least || wait > min(least+least/2, maxBackoff) {
				t.Errorf("after %d attempts: %s", attempts, wait)
			}
		}
	}
}
