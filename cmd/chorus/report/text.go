// Package report says what a token is: to people and to programs, and what to do about one that is refused.
package report

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"
	"unicode"

	"chorus/auth"
	"chorus/auth/permission"
	"chorus/auth/revocation"

	"github.com/golang-jwt/jwt/v5"
)

// Content is what a token says, whoever has written it.
type Content struct {
	header map[string]any
	Claims map[string]any // with json.Number
	size   int            // of the token, in bytes
}

// Read reads a token as far as it can be read.
func Read(token string) Content {
	claims := jwt.MapClaims{}
	parsed, _, err := jwt.NewParser(jwt.WithJSONNumber()).ParseUnverified(token, claims)
	if err != nil && parsed == nil {
		return Content{size: len(token)}
	}
	return Content{header: parsed.Header, Claims: claims, size: len(token)}
}

// tokenReport is what a person is told of a token.
type tokenReport struct {
	now  time.Time
	text strings.Builder
}

// Text is what a person is told of a token; problem is nil for a good one.
func Text(content Content, claims *auth.Claims, room, known string, problem error, now time.Time) string {
	r := &tokenReport{now: now}
	if problem != nil {
		r.bad(content, isGenuine(problem))
	} else {
		r.good(content, claims, room, known)
	}
	return r.text.String()
}

func (r *tokenReport) good(content Content, claims *auth.Claims, room, revocation string) {
	fmt.Fprintf(&r.text, "The token is good for the nodes of this configuration; %s.\n\n", revocation)
	r.content(content)
	if room == "" {
		r.text.WriteString("\nWhat it may do, and the rule that says so:\n\n")
	} else {
		fmt.Fprintf(&r.text, "\nWhat it may do with the room %q, and the rule that says so:\n\n", room)
	}
	r.table(func(row func(cells ...string)) {
		for _, action := range permission.Actions() {
			may, rule := permitted(claims, action, room)
			row(string(action), may, rule)
		}
	})
}

func (r *tokenReport) bad(content Content, genuine bool) {
	switch {
	case content.header == nil:
		return // it says nothing
	case genuine:
		r.text.WriteString("The token has a good signature, and says:\n\n")
	default:
		r.text.WriteString("This is NOT VERIFIED, anybody can have written it. The token says:\n\n")
	}
	r.content(content)
}

// permitted says what a token permits: the patterns of names, unless one name is meant.
func permitted(claims *auth.Claims, action permission.Action, room string) (may, rule string) {
	patterns, source := claims.Patterns(action)
	decision := claims.Decide(action, room)
	switch {
	case !action.HasPatterns(), room != "" && action.IsAboutRoom():
		return yes(decision.Allowed), decision.Rule()
	}
	if len(patterns) == 0 {
		return "nothing", source
	}
	quoted := make([]string, len(patterns))
	for i, pattern := range patterns {
		quoted[i] = strconv.Quote(pattern)
	}
	return strings.Join(quoted, ", "), source
}

func yes(allowed bool) string {
	if allowed {
		return "yes"
	}
	return "no"
}

// content shows what the token says about itself.
func (r *tokenReport) content(content Content) {
	r.table(func(row func(cells ...string)) {
		for _, name := range []string{"alg", "typ", "kid"} {
			if value, ok := content.header[name]; ok {
				row(name, asJSON(value))
			}
		}
		for _, name := range []string{"sub", "name", "jti", "iss", "aud"} {
			if value, ok := content.Claims[name]; ok {
				row(name, asJSON(value))
			}
		}
		for _, name := range []string{"iat", "nbf", "exp"} {
			if value, ok := content.Claims[name]; ok {
				row(name, r.date(value))
			}
		}
	})
}

func (r *tokenReport) date(value any) string {
	date, ok := DateOf(value)
	if !ok {
		return asJSON(value)
	}
	return fmt.Sprintf("%s  %s", date.UTC().Format(time.RFC3339), relative(date, r.now))
}

func (r *tokenReport) table(fill func(row func(cells ...string))) {
	table := tabwriter.NewWriter(&r.text, 0, 0, 2, ' ', 0)
	fill(func(cells ...string) { fmt.Fprintln(table, "  "+strings.Join(cells, "\t")) }) //nolint:errcheck // a Builder takes all
	_ = table.Flush()
}

// DateOf reads a NumericDate (RFC 7519 section 2).
func DateOf(value any) (time.Time, bool) {
	number, ok := value.(json.Number)
	if !ok {
		return time.Time{}, false
	}
	seconds, err := number.Float64()
	if err != nil || math.Abs(seconds) > float64(revocation.Forever.Unix()) {
		return time.Time{}, false
	}
	return time.Unix(int64(seconds), 0), true
}

// relative says how far away a time is.
func relative(date, now time.Time) string {
	if date.After(now) {
		return "in " + roughly(date.Sub(now))
	}
	return roughly(now.Sub(date)) + " ago"
}

// roughly is a duration as a person says it.
func roughly(d time.Duration) string {
	const day = 24 * time.Hour
	switch {
	case d >= 2*day:
		return fmt.Sprintf("%d days", d/day)
	case d >= 2*time.Hour:
		return fmt.Sprintf("%d hours", d/time.Hour)
	case d >= 2*time.Minute:
		return fmt.Sprintf("%d minutes", d/time.Minute)
	}
	return d.Round(time.Second).String()
}

// asJSON shows a value of a token as JSON in one line, with escapes for what is not printable: a token may
// be made for the terminal of who looks at it.
func asJSON(value any) string {
	var text strings.Builder
	encoder := json.NewEncoder(&text)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		return "?"
	}
	var shown strings.Builder
	for _, r := range strings.TrimSuffix(text.String(), "\n") {
		if unicode.IsPrint(r) {
			shown.WriteRune(r)
		} else {
			fmt.Fprintf(&shown, "\\u%04x", r)
		}
	}
	return shown.String()
}
