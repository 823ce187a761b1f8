package permission

import (
	"strconv"
	"strings"
)

// Rules are what one token permits, or the defaults. They do not change. Without rules, nothing is permitted.
type Rules map[Action]*rule

// rule decides on one action.
type rule struct {
	source string // of the rule, for people: "claim chorus.api" or "auth.defaults.api"
	isList bool

	allowed  bool      // when it is no list
	patterns []pattern // when it is one: any of them allows
}

// userRoom begins the names of the rooms that belong to a subject.
const userRoom = "user:"

// Decision says whether an action is permitted.
type Decision struct {
	Allowed bool

	rule    *rule    // that decided; nil when there is none
	pattern *pattern // of the rule, that matched
	owned   bool     // the room belongs to another subject
}

// Rule names the rule that decided, for people: `claim chorus.rooms.join "team-*"` for a pattern of the token,
// `auth.defaults.rooms.join "*"` for a pattern of the defaults, `claim chorus.broadcast false`, and `no pattern of claim
// chorus.rooms.join` when none matched.
func (d Decision) Rule() string {
	switch {
	case d.rule == nil:
		return "no rule"
	case d.pattern != nil:
		return d.rule.source + " " + strconv.Quote(d.pattern.text)
	case d.owned:
		return "the room belongs to its subject, and no pattern of " + d.rule.source + " that begins with " + userRoom + " opens it"
	case d.rule.isList:
		return "no pattern of " + d.rule.source
	}
	return d.rule.source + " " + strconv.FormatBool(d.rule.allowed)
}

// Pattern returns the pattern that permits, empty where none decided.
func (d Decision) Pattern() string {
	if d.pattern == nil {
		return ""
	}
	return d.pattern.text
}

// Decide decides whether a subject may do something. The name is that of the room, the event or the scope of the API.
// The other actions ignore it. An unknown action is never permitted.
func (r Rules) Decide(action Action, name, subject string) Decision {
	rule := r[action]
	switch {
	case rule == nil:
		return Decision{}
	case !rule.isList:
		return Decision{Allowed: rule.allowed, rule: rule}
	case action == API:
		return rule.decideScope(name, subject)
	}
	owner, owned := strings.CutPrefix(name, userRoom)
	owned = owned && owner != subject && action.IsAboutRoom()
	for i := range rule.patterns {
		p := &rule.patterns[i]
		if owned && !strings.HasPrefix(p.text, userRoom) {
			continue
		}
		if p.matches(name, subject) {
			return Decision{Allowed: true, rule: rule, pattern: p}
		}
	}
	return Decision{rule: rule, owned: owned}
}

// Patterns returns a copy of the patterns that decide on an action, and their source: "claim chorus.rooms.join" or
// "auth.defaults.rooms.join". [Broadcast] and [Direct] have none.
func (r Rules) Patterns(action Action) (patterns []string, source string) {
	rule := r[action]
	if rule == nil {
		return nil, ""
	}
	for _, p := range rule.patterns {
		patterns = append(patterns, p.text)
	}
	return patterns, rule.source
}

// decideScope decides on a scope of the HTTP API: any scope that includes it permits it.
func (r *rule) decideScope(scope, subject string) Decision {
	for _, name := range ScopesFor(scope) {
		for i := range r.patterns {
			if p := &r.patterns[i]; p.matches(name, subject) {
				return Decision{Allowed: true, rule: r, pattern: p}
			}
		}
	}
	return Decision{rule: r}
}

// ScopesFor returns the scopes of which any one permits the given scope: itself, the whole of a scope that ends in
// ":read", and admin. "disconnect" is the old name of "users".
func ScopesFor(scope string) []string {
	scopes := []string{scope, "admin"}
	whole, isRead := strings.CutSuffix(scope, ":read")
	if isRead {
		scopes = append(scopes, whole, "admin:read")
	}
	switch whole {
	case "users":
		scopes = append(scopes, "disconnect")
	case "disconnect":
		scopes = append(scopes, "users")
	}
	return scopes
}
