package rest

import (
	"encoding/base64"
	"unicode/utf8"
)

// NewCursor makes an opaque text of a place in a list.
func NewCursor(place string) string { return base64.RawURLEncoding.EncodeToString([]byte(place)) }

// ReadCursor returns the place of a cursor, "" for the beginning.
func ReadCursor(cursor string) (string, *Problem) {
	place, err := base64.RawURLEncoding.DecodeString(cursor)
	if err != nil || !utf8.Valid(place) {
		return "", Invalid("query.cursor", "this is not a cursor of an answer")
	}
	return string(place), nil
}
