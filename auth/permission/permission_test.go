package permission_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"

	"chorus/auth/permission"
)

// token is what a verified token permits, and its subject.
type token struct {
	permission.Rules
	subject string
}

func (c token) decide(action permission.Action, name string) permission.Decision {
	return c.Decide(action, name, c.subject)
}

func (c token) can(action permission.Action, name string) bool { return c.decide(action, name).Allowed }

// claimsWith reads a token of ada with this text for the claim "chorus", and no such claim when it is empty.
func claimsWith(t *testing.T, claim string, defaults *permission.Table) (token, error) {
	t.Helper()
	set := map[string]any{}
	if claim != "" {
		set["chorus"] = jsonOf(t, claim)
	}
	policy, err := permission.NewPolicy("", defaults)
	if err != nil {
		t.Fatal(err)
	}
	rules, err := policy.Read(set)
	return token{rules, "ada"}, err
}

func jsonOf(t *testing.T, text string) (value any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &value); err != nil {
		t.Fatal(err)
	}
	return value
}

// tokenOf reads a token with a value for the claim "chorus", and no such claim when it is nil.
func tokenOf(t *testing.T, claim any, subject string) token {
	t.Helper()
	text := ""
	if claim != nil {
		data, err := json.Marshal(claim)
		if err != nil {
			t.Fatal(err)
		}
		text = string(data)
	}
	claims, err := claimsWith(t, text, nil)
	if err != nil {
		t.Fatal(err)
	}
	claims.subject = subject
	return claims
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	closed := &permission.Table{Rooms: permission.Rooms{Join: []string{"lobby"}, Publish: []string{"{sub}"}}, API: []string{"publish"}}
	type want struct {
		action permission.Action
		name   string
		yes    bool
		rule   string
	}
	tests := []struct {
		name     string
		claim    string
		defaults *permission.Table
		want     []want
	}{
		{"no claim, shipped defaults", "", nil, []want{
			{"broadcast", "", true, "auth.defaults.broadcast true"},
			{"direct", "", true, "auth.defaults.direct true"},
			{"join", "any", true, `auth.defaults.rooms.join "*"`},
			{"publish", "any", true, `auth.defaults.rooms.publish "*"`},
			{"presence", "any", true, `auth.defaults.rooms.presence "*"`},
			{"history", "any", true, `auth.defaults.rooms.history "*"`},
			{"api", "publish", false, "no pattern of auth.defaults.api"},
			{"dance", "", false, "no rule"},
		}},
		{"no claim, other defaults", "", closed, []want{
			{"broadcast", "", false, "auth.defaults.broadcast false"},
			{"direct", "", false, "auth.defaults.direct false"},
			{"join", "lobby", true, `auth.defaults.rooms.join "lobby"`},
			{"join", "team", false, "no pattern of auth.defaults.rooms.join"},
			{"publish", "ada", true, `auth.defaults.rooms.publish "{sub}"`},
			{"publish", "{sub}", false, "no pattern of auth.defaults.rooms.publish"},
			{"history", "lobby", false, "no pattern of auth.defaults.rooms.history"},
			{"api", "publish", true, `auth.defaults.api "publish"`},
		}},
		{"empty claim", `{}`, closed, []want{
			{"broadcast", "", false, "auth.defaults.broadcast false"},
			{"join", "lobby", true, `auth.defaults.rooms.join "lobby"`},
		}},
		{"empty rooms", `{"rooms":{}}`, nil, []want{{"join", "any", true, `auth.defaults.rooms.join "*"`}}},
		{"the claim of the example", `{"broadcast":true,"rooms":{"join":["lobby","team-*"],"publish":["lobby"],"presence":["*"],"history":["*"]},"direct":true,"api":["publish","disconnect"]}`, closed, []want{
			{"broadcast", "", true, "claim chorus.broadcast true"},
			{"direct", "", true, "claim chorus.direct true"},
			{"join", "team-red", true, `claim chorus.rooms.join "team-*"`},
			{"join", "team", false, "no pattern of claim chorus.rooms.join"},
			{"publish", "lobby", true, `claim chorus.rooms.publish "lobby"`},
			{"publish", "team-red", false, "no pattern of claim chorus.rooms.publish"},
			{"presence", "any", true, `claim chorus.rooms.presence "*"`},
			{"history", "any", true, `claim chorus.rooms.history "*"`},
			{"api", "disconnect", true, `claim chorus.api "disconnect"`},
			{"api", "revoke", false, "no pattern of claim chorus.api"},
		}},
		{"member by member", `{"broadcast":false,"rooms":{"join":["{sub}-*"]}}`, nil, []want{
			{"broadcast", "", false, "claim chorus.broadcast false"},
			{"direct", "", true, "auth.defaults.direct true"},
			{"join", "ada-1", true, `claim chorus.rooms.join "{sub}-*"`},
			{"join", "lobby", false, "no pattern of claim chorus.rooms.join"},
			{"publish", "lobby", true, `auth.defaults.rooms.publish "*"`},
			{"api", "publish", false, "no pattern of auth.defaults.api"},
		}},
		{"an empty list permits nothing", `{"rooms":{"join":[]},"api":[]}`, nil, []want{
			{"join", "lobby", false, "no pattern of claim chorus.rooms.join"},
			{"api", "publish", false, "no pattern of claim chorus.api"},
		}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			claims, err := claimsWith(t, test.claim, test.defaults)
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range test.want {
				d := claims.decide(w.action, w.name)
				if d.Allowed != w.yes || d.Rule() != w.rule {
					t.Errorf("%s %q: %v by %s, want %v by %s", w.action, w.name, d.Allowed, d.Rule(), w.yes, w.rule)
				}
			}
		})
	}
}

// TestRulesOfNobody reads no token: a client that has not authenticated has no rules.
func TestRulesOfNobody(t *testing.T) {
	t.Parallel()
	var nobody permission.Rules
	for _, action := range permission.Actions() {
		if nobody.Decide(action, "lobby", "ada").Allowed {
			t.Errorf("%s is permitted", action)
		}
		if patterns, source := nobody.Patterns(action); patterns != nil || source != "" {
			t.Errorf("%s has patterns", action)
		}
	}
}

// What is not understood makes the token invalid, and the error says where and what belongs there.
func TestPermissionsOfTheWrongShape(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, claim, want string }{
		{"null", `null`, "chorus: want an object"},
		{"a bool", `true`, "chorus: want an object"},
		{"a list", `["lobby"]`, "chorus: want an object"},
		{"JSON in a string", `"{}"`, "chorus: want an object"},
		{"an unknown member", `{"room":{}}`, "chorus: has a member that is none of broadcast, rooms, direct, events, api"},
		{"a member in another case", `{"Broadcast":true}`, "chorus: has a member"},
		{"a path as a member", `{"rooms.join":["*"]}`, "chorus: has a member"},
		{"broadcast is a string", `{"broadcast":"true"}`, "chorus.broadcast: want true or false"},
		{"broadcast is null", `{"broadcast":null}`, "chorus.broadcast: want true or false"},
		{"direct is a number", `{"direct":1}`, "chorus.direct: want true or false"},
		{"rooms is a list", `{"rooms":["*"]}`, "chorus.rooms: want an object with the members join, publish, presence, history"},
		{"rooms is null", `{"rooms":null}`, "chorus.rooms: want an object"},
		{"an unknown member of rooms", `{"rooms":{"jion":["*"]}}`, "chorus.rooms: has a member that is none of join, publish, presence, history"},
		{"join is a string", `{"rooms":{"join":"*"}}`, "chorus.rooms.join: want a list of patterns"},
		{"join is true", `{"rooms":{"join":true}}`, "chorus.rooms.join: want a list"},
		{"join is null", `{"rooms":{"join":null}}`, "chorus.rooms.join: want a list"},
		{"publish has a number", `{"rooms":{"publish":["a",7]}}`, "chorus.rooms.publish[1]: want a pattern"},
		{"history has a list", `{"rooms":{"history":[["*"]]}}`, "chorus.rooms.history[0]: want a pattern"},
		{"presence has null", `{"rooms":{"presence":[null]}}`, "chorus.rooms.presence[0]: want a pattern"},
		{"api is an object", `{"api":{}}`, "chorus.api: want a list"},
		{"a brace that is no {sub}", `{"rooms":{"join":["a","{id}"]}}`, "chorus.rooms.join[1]: a pattern has a brace"},
		{"alternatives", `{"rooms":{"join":["{a,b}"]}}`, "chorus.rooms.join[0]: a pattern has a brace"},
		{"a closing brace", `{"rooms":{"join":["sub}"]}}`, "chorus.rooms.join[0]: a pattern has a brace"},
		{"a backslash at the end", `{"api":["a\\"]}`, "chorus.api[0]: a pattern ends with a backslash"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			claims, err := claimsWith(t, test.claim, nil)
			if claims.Rules != nil || err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Fatalf("got %v, %v, want %q", claims, err, test.want)
			}
		})
	}
}

func TestBadDefaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		defaults permission.Table
		want     string // in the error
	}{
		{"a bad pattern", permission.Table{Rooms: permission.Rooms{Publish: []string{"a", `\`}}}, "auth.defaults.rooms.publish[1]: a pattern ends"},
		{"two bad patterns", permission.Table{API: []string{"{", "\xff"}}, "auth.defaults.api[0]: a pattern has a brace"},
		{"not UTF-8", permission.Table{API: []string{"\xff"}}, "auth.defaults.api[0]: a pattern is not UTF-8"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if _, err := permission.NewPolicy("", &test.defaults); err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestPermissionsInAnotherClaim(t *testing.T) {
	t.Parallel()
	const name = "https://example.com/may"
	policy, err := permission.NewPolicy(name, nil)
	if err != nil {
		t.Fatal(err)
	}
	set := jsonOf(t, `{"chorus":"somebody else's","`+name+`":{"direct":false,"rooms":{"join":["a","b*"]}}}`)
	rules, err := policy.Read(set.(map[string]any))
	if err != nil {
		t.Fatal(err)
	}
	claims := token{rules, ""}
	if d := claims.decide(permission.Direct, ""); d.Allowed || d.Rule() != "claim "+name+".direct false" {
		t.Errorf("%v by %s", d.Allowed, d.Rule())
	}
	patterns, source := claims.Patterns(permission.Join)
	if !reflect.DeepEqual(patterns, []string{"a", "b*"}) || source != "claim "+name+".rooms.join" {
		t.Errorf("got patterns %q of %s", patterns, source)
	}
	if patterns[1] = "*"; claims.can(permission.Join, "c") {
		t.Error("the patterns could be changed")
	}
}

// A change of what was given to a policy, or got from Defaults, changes no policy.
func TestDefaultsCannotBeChanged(t *testing.T) {
	t.Parallel()
	mine := permission.Defaults()
	mine.Rooms.Join[0] = "lobby"
	policy, err := permission.NewPolicy("", &mine)
	if err != nil {
		t.Fatal(err)
	}
	mine.Rooms.Join[0], mine.Broadcast = "*", false
	rules, err := policy.Read(nil)
	if err != nil {
		t.Fatal(err)
	}
	claims := token{rules, "ada"}
	if claims.can(permission.Join, "team") || !claims.can(permission.Broadcast, "") || permission.Defaults().Rooms.Join[0] != "*" {
		t.Error("they were changed")
	}
}

// Every event of every client asks.
func TestDecideAllocatesNothing(t *testing.T) {
	claims, err := claimsWith(t, `{"rooms":{"join":["lobby","user:{sub}","team-*"]}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if !claims.can(permission.Broadcast, "") || !claims.can(permission.Join, "team-red") || !claims.can(permission.Join, "user:ada") || claims.can(permission.Join, "x") {
			t.Error("wrong answers")
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// A room user:SUB belongs to SUB, unless a pattern says otherwise by its name.
func TestRoomsOfUsers(t *testing.T) {
	t.Parallel()
	tests := []struct {
		join []string // of the token; nil: the default
		room string
		want bool
		rule string
	}{
		{nil, "user:ada", true, `auth.defaults.rooms.join "*"`},
		{nil, "user:bob", false, "the room belongs to its subject, and no pattern of auth.defaults.rooms.join that begins with user: opens it"},
		{nil, "user:", false, ""},
		{nil, "users", true, ""},
		{[]string{"*"}, "user:bob", false, ""},
		{[]string{"u*"}, "user:bob", false, ""},
		{[]string{"user:*"}, "user:bob", true, `claim chorus.rooms.join "user:*"`},
		{[]string{"user:bob"}, "user:bob", true, ""},
		{[]string{"user:{sub}"}, "user:ada", true, ""},
		{[]string{"user:{sub}"}, "user:bob", false, ""},
	}
	for _, test := range tests {
		var claim any
		if test.join != nil {
			claim = map[string]any{"rooms": map[string]any{"join": test.join}}
		}
		verified := tokenOf(t, claim, "ada")
		decision := verified.decide(permission.Join, test.room)
		if decision.Allowed != test.want || test.rule != "" && decision.Rule() != test.rule {
			t.Errorf("%q: %s: %t by %s", test.join, test.room, decision.Allowed, decision.Rule())
		}
		if got := verified.decide(permission.Events, test.room).Allowed; !got {
			t.Errorf("an event %s is taken for a room", test.room)
		}
	}
}

func TestDefaultsOfNewActions(t *testing.T) {
	t.Parallel()
	verified := tokenOf(t, nil, "ada")
	if verified.can(permission.Moderate, "lobby") || !verified.can(permission.Events, "move") {
		t.Error("by default a token moderates nothing and sends every event")
	}
	verified = tokenOf(t, map[string]any{"rooms": map[string]any{"moderate": []string{"team-*"}}, "events": []string{"chat:*"}}, "ada")
	if !verified.can(permission.Moderate, "team-red") || verified.can(permission.Moderate, "lobby") || !verified.can(permission.Events, "chat:go") || verified.can(permission.Events, "move") {
		t.Error("the claims do not count")
	}
}

func TestScopes(t *testing.T) {
	t.Parallel()
	for scope, want := range map[string]map[string]bool{
		"users":      {"users": true, "users:read": true, "disconnect": true, "rooms": false, "rooms:read": false},
		"users:read": {"users": false, "users:read": true, "rooms:read": false},
		"disconnect": {"users": true, "users:read": true},
		"admin":      {"users": true, "tokens": true, "history:read": true},
		"admin:read": {"users": false, "history:read": true},
	} {
		verified := tokenOf(t, map[string]any{"api": []string{scope}}, "ada")
		for needed, allowed := range want {
			if verified.can(permission.API, needed) != allowed {
				t.Errorf("%s for %s: %t", scope, needed, !allowed)
			}
		}
	}
}
