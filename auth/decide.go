package auth

import (
	"strconv"
	"strings"
)

// Action is something that a token may or may not do.
type Action string

// The actions. [Permissions] has a row for each. Those that Action.IsAboutRoom are about a room, ActionEvents is about
// the name of an event, and ActionAPI about a scope.
const (
	ActionBroadcast Action = "broadcast" // send to everybody
	ActionDirect    Action = "direct"    // send to one user
	ActionJoin      Action = "join"      // be in a room and hear its messages
	ActionPublish   Action = "publish"   // send to a room
	ActionPresence  Action = "presence"  // see who is in a room
	ActionHistory   Action = "history"   // read the past messages of a room
	ActionModerate  Action = "moderate"  // mute, ban, correct others in a room
	ActionEvents    Action = "events"    // send a declared event
	ActionAPI       Action = "api"       // use a scope of the HTTP API
)

// Actions returns all actions.
func Actions() []Action {
	list := make([]Action, len(actions))
	for i, row := range actions {
		list[i] = row.action
	}
	return list
}

// IsAboutRoom reports whether the name that [Claims.Decide] takes is that of a room.
func (a Action) IsAboutRoom() bool {
	row := rowOf(a)
	return row != nil && row.isRoom
}

// userRoom begins the names of the rooms that belong to a subject.
const userRoom = "user:"

// Decision is the answer to whether something may be done.
type Decision struct {
	// Allowed tells whether it may.
	Allowed bool

	rule    *rule    // that decided; nil when there is none
	pattern *pattern // of the rule, that matched
	owned   bool     // the room belongs to another subject
}

// Rule names the rule that decided, for people: `claim chorus.rooms.join "team-*"` for a pattern of
// the token's, `auth.defaults.rooms.join "*"` for one of Options.Defaults, `claim chorus.broadcast
// false`, and `no pattern of claim chorus.rooms.join` when none matched.
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

// Decide tells whether the token may do something, and which rule says so. The name is that of the
// room, or of the function for ActionAPI, and of no meaning for the other actions. Nil claims, those of
// somebody who has not authenticated, may do nothing, and nobody may do an unknown action.
func (c *Claims) Decide(action Action, name string) Decision {
	rule := c.rule(action)
	switch {
	case rule == nil:
		return Decision{}
	case !rule.isList:
		return Decision{Allowed: rule.allowed, rule: rule}
	}
	if action == ActionAPI {
		return rule.decideScope(name, c.subject)
	}
	owner, owned := strings.CutPrefix(name, userRoom)
	owned = owned && owner != c.subject && action.IsAboutRoom()
	for i := range rule.patterns {
		p := &rule.patterns[i]
		if owned && !strings.HasPrefix(p.text, userRoom) {
			continue
		}
		if p.matches(name, c.subject) {
			return Decision{Allowed: true, rule: rule, pattern: p}
		}
	}
	return Decision{rule: rule, owned: owned}
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

// ScopesFor returns the scopes of which any one permits what needs the given scope: itself, the whole of a scope that
// ends in ":read", and admin. "disconnect" is the old name of "users".
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

// CanBroadcast tells whether the token may send to everybody.
func (c *Claims) CanBroadcast() bool { return c.Decide(ActionBroadcast, "").Allowed }

// CanSendDirect tells whether the token may send to one user.
func (c *Claims) CanSendDirect() bool { return c.Decide(ActionDirect, "").Allowed }

// CanJoin tells whether the token may be in a room.
func (c *Claims) CanJoin(room string) bool { return c.Decide(ActionJoin, room).Allowed }

// CanPublish tells whether the token may send to a room; one need not be in it.
func (c *Claims) CanPublish(room string) bool { return c.Decide(ActionPublish, room).Allowed }

// CanSeePresence tells whether the token may see who is in a room.
func (c *Claims) CanSeePresence(room string) bool { return c.Decide(ActionPresence, room).Allowed }

// CanReadHistory tells whether the token may read what was said in a room.
func (c *Claims) CanReadHistory(room string) bool { return c.Decide(ActionHistory, room).Allowed }

// CanModerate reports whether the token may moderate a room.
func (c *Claims) CanModerate(room string) bool { return c.Decide(ActionModerate, room).Allowed }

// CanSendEvent reports whether the token may send a declared event.
func (c *Claims) CanSendEvent(event string) bool { return c.Decide(ActionEvents, event).Allowed }

// CanUseAPI tells whether the token may use a function of the HTTP API.
func (c *Claims) CanUseAPI(function string) bool { return c.Decide(ActionAPI, function).Allowed }

// Patterns returns a copy of the patterns that decide on an action, and where they come from, as
// "claim chorus.rooms.join" or "auth.defaults.rooms.join". There are none for ActionBroadcast and
// ActionDirect.
func (c *Claims) Patterns(action Action) (patterns []string, source string) {
	rule := c.rule(action)
	if rule == nil {
		return nil, ""
	}
	for _, p := range rule.patterns {
		patterns = append(patterns, p.text)
	}
	return patterns, rule.source
}

func (c *Claims) rule(action Action) *rule {
	if c == nil || c.permissions == nil {
		return nil
	}
	return c.permissions[action]
}
