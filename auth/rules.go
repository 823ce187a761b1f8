package auth

import (
	"fmt"
	"slices"
	"strings"
)

// rule decides on one action.
type rule struct {
	source string // who says so, for people: "claim chorus.api" or "auth.defaults.api"
	isList bool

	allowed  bool      // when it is no list
	patterns []pattern // when it is one: any of them allows
}

// permissions are the rules of a token, or the defaults. They are shared and never changed.
type permissions struct {
	broadcast, direct                     rule
	join, publish, presence, history, api rule
}

// rule returns the one for an action, nil when there is no such action.
func (p *permissions) rule(action Action) *rule {
	switch action {
	case ActionBroadcast:
		return &p.broadcast
	case ActionDirect:
		return &p.direct
	case ActionJoin:
		return &p.join
	case ActionPublish:
		return &p.publish
	case ActionPresence:
		return &p.presence
	case ActionHistory:
		return &p.history
	case ActionAPI:
		return &p.api
	}
	return nil
}

// member is a member of the claim.
type member struct {
	name    string
	path    string
	action  Action   // that it is about
	isList  bool     // of patterns; else a bool
	members []member // of an object
}

// The members of the claim.
var (
	roomMembers = []member{
		{name: "join", path: "rooms.join", action: ActionJoin, isList: true},
		{name: "publish", path: "rooms.publish", action: ActionPublish, isList: true},
		{name: "presence", path: "rooms.presence", action: ActionPresence, isList: true},
		{name: "history", path: "rooms.history", action: ActionHistory, isList: true},
	}
	claimMembers = []member{
		{name: "broadcast", path: "broadcast", action: ActionBroadcast},
		{name: "rooms", path: "rooms", members: roomMembers},
		{name: "direct", path: "direct", action: ActionDirect},
		{name: "api", path: "api", action: ActionAPI, isList: true},
	}
)

// rules say where the permissions of a token come from.
type rules struct {
	claim    string // its name
	sources  map[Action]string
	defaults *permissions
}

// defaultsKey is where an operator finds the defaults in the configuration.
const defaultsKey = "auth.defaults."

// newRules reads the options that are about permissions.
func (o *Options) newRules() (rules, error) {
	r := rules{claim: o.PermissionsClaim, sources: make(map[Action]string), defaults: &permissions{}}
	switch r.claim {
	case "":
		r.claim = DefaultPermissionsClaim
	case claimIssuer, claimSubject, claimAudience, claimExpiresAt, claimNotBefore, claimIssuedAt, claimID:
		return r, badOption("PermissionsClaim", "%w: permissions in the claim %q, which means something else (RFC 7519 section 4.1): name another one", ErrBadOption, r.claim)
	}
	for _, m := range slices.Concat(claimMembers, roomMembers) {
		if m.members == nil {
			r.sources[m.action] = "claim " + r.claim + "." + m.path
		}
	}
	p := DefaultPermissions()
	if o.Defaults != nil {
		p = *o.Defaults
	}
	r.defaults.broadcast = rule{source: defaultsKey + "broadcast", allowed: p.Broadcast}
	r.defaults.direct = rule{source: defaultsKey + "direct", allowed: p.Direct}
	for _, list := range []struct {
		into  *rule
		path  string
		texts []string
	}{
		{&r.defaults.join, "rooms.join", p.Rooms.Join},
		{&r.defaults.publish, "rooms.publish", p.Rooms.Publish},
		{&r.defaults.presence, "rooms.presence", p.Rooms.Presence},
		{&r.defaults.history, "rooms.history", p.Rooms.History},
		{&r.defaults.api, "api", p.API},
	} {
		patterns, err := parsePatterns(list.texts)
		if err != nil {
			return r, badOption("Defaults", "%w: %s%s%w", ErrBadOption, defaultsKey, list.path, err)
		}
		*list.into = rule{source: defaultsKey + list.path, isList: true, patterns: patterns}
	}
	return r, nil
}

// apply reads the permissions of a token into its claims. Claims that say nothing share the defaults.
func (r *rules) apply(c *Claims) error {
	c.permissions = r.defaults
	value, ok := c.set[r.claim]
	if !ok {
		return nil
	}
	own := *r.defaults
	if err := r.readObject(&own, value, "", claimMembers); err != nil {
		return because(ErrClaimInvalid, r.claim+err.Error())
	}
	c.permissions = &own
	return nil
}

// readObject overlays permissions with what an object of the claim says. Its errors begin with the path
// behind the name of the claim, say what belongs there, and repeat nothing of what the token has there.
func (r *rules) readObject(into *permissions, value any, path string, members []member) error {
	object, ok := value.(map[string]any)
	if !ok {
		return fmt.Errorf("%s: want an object with the members %s", path, memberNames(members))
	}
	known := 0
	for _, m := range members {
		value, ok := object[m.name]
		if !ok {
			continue
		}
		known++
		var err error
		if m.members != nil {
			err = r.readObject(into, value, path+"."+m.name, m.members)
		} else {
			err = r.readRule(into.rule(m.action), value, m)
		}
		if err != nil {
			return err
		}
	}
	if known != len(object) {
		return fmt.Errorf("%s: has a member that is none of %s", path, memberNames(members))
	}
	return nil
}

func (r *rules) readRule(into *rule, value any, m member) error {
	own := rule{source: r.sources[m.action], isList: m.isList}
	if !m.isList {
		allowed, ok := value.(bool)
		if !ok {
			return fmt.Errorf(".%s: want true or false", m.path)
		}
		own.allowed = allowed
		*into = own
		return nil
	}
	elements, ok := value.([]any)
	if !ok {
		return fmt.Errorf(".%s: want a list of patterns", m.path)
	}
	texts := make([]string, len(elements))
	for i, element := range elements {
		text, ok := element.(string)
		if !ok {
			return fmt.Errorf(".%s[%d]: want a pattern, which is a string", m.path, i)
		}
		texts[i] = text
	}
	patterns, err := parsePatterns(texts)
	if err != nil {
		return fmt.Errorf(".%s%w", m.path, err)
	}
	own.patterns = patterns
	*into = own
	return nil
}

func memberNames(members []member) string {
	list := make([]string, len(members))
	for i, m := range members {
		list[i] = m.name
	}
	return strings.Join(list, ", ")
}
