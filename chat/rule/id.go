package rule

import (
	"crypto/rand"
	"regexp"
	"strings"
	"time"
)

// MessageID are the ids that clients may choose.
var MessageID = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,64}$`)

// NewID returns an id for a message.
func NewID() string { return strings.ToLower(rand.Text()[:20]) }

// Now is the time in milliseconds since 1970.
func Now() int64 { return time.Now().UnixMilli() }

// IsMessageID reports whether a text has the form of the id of a message.
func IsMessageID(id string) bool { return MessageID.MatchString(id) }
