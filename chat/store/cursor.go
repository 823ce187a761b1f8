package store

import (
	"strconv"
	"strings"
)

// Position is a position in a log: the place of a message or change among all of them, and the seq of the newest message
// at that moment.
type Position struct {
	Epoch string
	Pos   int64
	Seq   int64
}

// maxCursor is the length of the longest cursor.
const maxCursor = 64

// Cursor returns the text that stands for a position. The empty position has none.
func (p Position) Cursor() string {
	if p.Epoch == "" {
		return ""
	}
	return p.Epoch + "-" + strconv.FormatInt(p.Pos, 36) + "-" + strconv.FormatInt(p.Seq, 36)
}

// ParseCursor returns the position that a cursor stands for, or ErrBadCursor.
func ParseCursor(cursor string) (Position, error) {
	if len(cursor) > maxCursor {
		return Position{}, ErrBadCursor
	}
	parts := strings.Split(cursor, "-")
	if len(parts) != 3 || parts[0] == "" {
		return Position{}, ErrBadCursor
	}
	pos, err1 := strconv.ParseInt(parts[1], 36, 64)
	seq, err2 := strconv.ParseInt(parts[2], 36, 64)
	p := Position{parts[0], pos, seq}
	if err1 != nil || err2 != nil || seq < 0 || pos < seq || p.Cursor() != cursor {
		return Position{}, ErrBadCursor
	}
	for _, c := range []byte(p.Epoch) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return Position{}, ErrBadCursor
		}
	}
	return p, nil
}
