package limit

import (
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// abuserFor is how long a user is remembered whose connection was closed because of too many events.
const abuserFor = time.Minute

// abusers are users whose connections were closed because of too many events. Their next connections have no burst: else
// connecting again would be worth one.
type abusers struct {
	until *lru.Cache[string, time.Time] // safe for concurrent use
}

func newAbusers() *abusers {
	until, _ := lru.New[string, time.Time](maxSubjects) // it fails for sizes that are not positive
	return &abusers{until: until}
}

func (a *abusers) add(subject string) {
	a.until.Add(subject, time.Now().Add(abuserFor))
}

func (a *abusers) has(subject string) bool {
	until, ok := a.until.Get(subject)
	return ok && time.Now().Before(until)
}
