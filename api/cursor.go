package api

import (
	"encoding/base64"
	"unicode/utf8"
)

// newCursor makes an opaque text of a place in a list.
func newCursor(place string) string { return base64.RawURLEncoding.EncodeToString([]byte(place)) }

// readCursor returns the place of a cursor, "" for the beginning.
func readCursor(cursor string) (string, *Problem) {
	place, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !utf8.Valid(place) {
		return "", invalid("query.cursor", "this is not a cursor of an answer")
	}
	return string(place), nil
}
