package permission_test

import (
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"chorus/auth/permission"
)

// joinable reports whether a token with one pattern may join a room.
func joinable(t *testing.T, pattern string, subject any, room string) bool {
	t.Helper()
	name, _ := subject.(string)
	return tokenOf(t, map[string]any{"rooms": map[string]any{"join": []string{pattern}}}, name).can(permission.Join, room)
}

func TestPatterns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, pattern string
		subject       any
		yes, no       []string
	}{
		{"a name", "lobby", "ada", []string{"lobby"}, []string{"Lobby", "lobby2", "a lobby", "lobb", "", "lobby\n"}},
		{"all", "*", "ada", []string{"lobby", "", "a\nb", "🎈"}, nil},
		{"a run at the end", "team-*", "ada", []string{"team-", "team-red", "team-*"}, []string{"team", "a team-red", "TEAM-red"}},
		{"a run at the beginning", "*-red", "ada", []string{"-red", "a-red", "-red-red"}, []string{"-red-", "red"}},
		{"runs inside", "a*b*c", "ada", []string{"abc", "aXbYc", "abcbc", "abbcc"}, []string{"acb", "ab", "abcd"}},
		{"two runs are one", "a**b", "ada", []string{"ab", "axb"}, []string{"a"}},
		{"one character", "room-?", "ada", []string{"room-1", "room-ü", "room-🎈", "room-?"}, []string{"room-", "room-12"}},
		{"a run of at least one", "?*", "ada", []string{"a", "ab"}, []string{""}},
		{"backslash", `\*\?\\\{sub\}`, "ada", []string{`*?\{sub}`}, []string{`ab\ada`, `\*\?\\`}},
		{"backslash before an ordinary character", `\a\ü`, "ada", []string{"aü"}, []string{`\a\ü`}},
		{"brackets are characters", "[ab]", "ada", []string{"[ab]"}, []string{"a", "b"}},
		{"subject", "user:{sub}", "ada", []string{"user:ada"}, []string{"user:", "user:{sub}", "user:adam", "user:eve"}},
		{"subject inside", "{sub}/{sub}/*", "ada", []string{"ada/ada/x"}, []string{"ada/eve/x", "ada/ada"}},
		{"subject behind a run", "*{sub}", "aab", []string{"aab", "aaab", "xaabaab"}, []string{"aabx", "ab"}},
		{"subject of special characters", "user:{sub}", "*", []string{"user:*"}, []string{"user:ada", "user:"}},
		{"subject that looks like a mark", "user:{sub}", `{sub}\?`, []string{`user:{sub}\?`}, []string{"user:a", `user:{sub}?`}},
		{"no subject", "user:{sub}", nil, nil, []string{"user:", "user:{sub}", "user:ada"}},
		{"no subject, only runs around", "*{sub}*", nil, nil, []string{"", "a", "user:"}},
		{"empty subject", "*{sub}", "", nil, []string{"", "a"}},
		{"nothing", "", "ada", []string{""}, []string{"a"}},
		{"composed and decomposed are different", "é", "ada", []string{"é"}, []string{"e\u0301"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			for want, rooms := range map[bool][]string{true: test.yes, false: test.no} {
				for _, room := range rooms {
					if got := joinable(t, test.pattern, test.subject, room); got != want {
						t.Errorf("pattern %q, subject %v, room %q: %v", test.pattern, test.subject, room, got)
					}
				}
			}
		})
	}
}

// What takes exponential time in a matcher that tries all ways to divide a name.
func TestPatternsAreQuick(t *testing.T) {
	t.Parallel()
	done := make(chan bool, 1)
	go func() { // ends with the match
		done <- permission.Match(strings.Repeat("*a", 1000)+"b", "", strings.Repeat("a", 255))
	}()
	select {
	case matches := <-done:
		if matches {
			t.Error("it matches")
		}
	case <-time.After(10 * time.Second):
		t.Fatal("it takes too long")
	}
}

// FuzzPatterns compares the matcher with the same pattern as a regular expression.
func FuzzPatterns(f *testing.F) {
	for _, seed := range [][3]string{
		{"team-*", "ada", "team-red"}, {"a*b?c*", "", "aXbYcZ"}, {"*{sub}*", "a.b", "xa.by"}, {`\*\?`, "", "*?"},
		{"*??", "", "é🎈"}, {"?", "", "\xff"}, {"*a*a*b", "", "aaaaaaaab"}, {"{sub}", "*", "*"}, {"{}", "", ""}, {`\`, "", ""},
	} {
		f.Add(seed[0], seed[1], seed[2])
	}
	f.Fuzz(func(t *testing.T, pattern, subject, name string) {
		if !utf8.ValidString(subject) {
			t.Skip("JSON has no such text")
		}
		expression, ok := translate(pattern, subject)
		if !ok {
			if permission.Match(pattern, subject, name) {
				t.Fatal("what is no pattern matches")
			}
			return
		}
		want := regexp.MustCompile(expression).MatchString(name)
		if got := permission.Match(pattern, subject, name); got != want {
			t.Fatalf("pattern %q, subject %q, name %q: %v, %s says %v", pattern, subject, name, got, expression, want)
		}
	})
}

// translate turns a pattern into a regular expression, unless it is none or nothing can match it.
func translate(pattern, subject string) (string, bool) {
	if !utf8.ValidString(pattern) {
		return "", false
	}
	var b strings.Builder
	b.WriteString(`(?s)\A`)
	for rest := pattern; rest != ""; {
		switch {
		case strings.HasPrefix(rest, "{sub}") && subject != "":
			b.WriteString(regexp.QuoteMeta(subject))
			rest = rest[len("{sub}"):]
			continue
		case rest[0] == '{', rest[0] == '}', rest == `\`:
			return "", false
		case rest[0] == '*':
			b.WriteString(".*")
			rest = rest[1:]
			continue
		case rest[0] == '?':
			b.WriteString(".")
			rest = rest[1:]
			continue
		case rest[0] == '\\':
			rest = rest[1:]
		}
		for i, r := range rest {
			if i > 0 {
				break
			}
			b.WriteString(regexp.QuoteMeta(string(r)))
			rest = rest[len(string(r)):]
		}
	}
	b.WriteString(`\z`)
	return b.String(), true
}
