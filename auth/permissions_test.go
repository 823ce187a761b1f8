package auth_test

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"

	"chorus/auth"
)

// claimsWith verifies a token with this text for the claim "chorus", and no such claim when it is empty.
func claimsWith(t *testing.T, claim string, change func(*auth.Options)) (*auth.Claims, error) {
	t.Helper()
	payload := `{"sub":"ada",` + soon + `}`
	if claim != "" {
		payload = `{"sub":"ada",` + soon + `,"chorus":` + claim + `}`
	}
	return newVerifierAt(t, change).Verify(t.Context(), craft(secret, hs256, payload))
}

func TestPermissions(t *testing.T) {
	t.Parallel()
	closed := &auth.Permissions{Rooms: auth.RoomPermissions{Join: []string{"lobby"}, Publish: []string{"{sub}"}}, API: []string{"publish"}}
	type want struct {
		action auth.Action
		name   string
		yes    bool
		rule   string
	}
	tests := []struct {
		name     string
		claim    string
		defaults *auth.Permissions
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
			claims, err := claimsWith(t, test.claim, func(o *auth.Options) { o.Defaults = test.defaults })
			if err != nil {
				t.Fatal(err)
			}
			for _, w := range test.want {
				d := claims.Decide(w.action, w.name)
				if d.Allowed != w.yes || d.Rule() != w.rule {
					t.Errorf("%s %q: %v by %s, want %v by %s", w.action, w.name, d.Allowed, d.Rule(), w.yes, w.rule)
				}
				if got := can(claims, w.action, w.name); got != w.yes {
					t.Errorf("%s %q: the function of its own says %v", w.action, w.name, got)
				}
			}
		})
	}
}

// can asks the function that an action has.
func can(c *auth.Claims, action auth.Action, name string) bool {
	switch action {
	case auth.ActionBroadcast:
		return c.CanBroadcast()
	case auth.ActionDirect:
		return c.CanSendDirect()
	case auth.ActionJoin:
		return c.CanJoin(name)
	case auth.ActionPublish:
		return c.CanPublish(name)
	case auth.ActionPresence:
		return c.CanSeePresence(name)
	case auth.ActionHistory:
		return c.CanReadHistory(name)
	case auth.ActionModerate:
		return c.CanModerate(name)
	case auth.ActionEvents:
		return c.CanSendEvent(name)
	case auth.ActionAPI:
		return c.CanUseAPI(name)
	}
	return false
}

func TestNobodyMayDoAnything(t *testing.T) {
	t.Parallel()
	for name, nobody := range map[string]*auth.Claims{"nil": nil, "not from a verifier": {}} {
		for _, action := range auth.Actions() {
			if can(nobody, action, "lobby") {
				t.Errorf("%s: %s", name, action)
			}
			if patterns, source := nobody.Patterns(action); patterns != nil || source != "" {
				t.Errorf("%s: %s has patterns", name, action)
			}
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
			if claims != nil || !errors.Is(err, auth.ErrClaimInvalid) {
				t.Fatalf("got %v, %v", claims, err)
			}
			if !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %q, want %q in it", err, test.want)
			}
			if auth.Code(err) != auth.CodeInvalidToken {
				t.Errorf("got code %s", auth.Code(err))
			}
		})
	}
}

func TestPermissionsOptions(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*auth.Options)
		want   string // in the error
	}{
		{"a bad pattern", func(o *auth.Options) {
			o.Defaults = &auth.Permissions{Rooms: auth.RoomPermissions{Publish: []string{"a", `\`}}}
		}, "auth.defaults.rooms.publish[1]: a pattern ends"},
		{"two bad patterns", func(o *auth.Options) { o.Defaults = &auth.Permissions{API: []string{"{", "\xff"}} }, "auth.defaults.api[0]: a pattern has a brace"},
		{"not UTF-8", func(o *auth.Options) { o.Defaults = &auth.Permissions{API: []string{"\xff"}} }, "auth.defaults.api[0]: a pattern is not UTF-8"},
		{"a registered claim", func(o *auth.Options) { o.PermissionsClaim = "sub" }, `"sub"`},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			opts := auth.Options{Secrets: []string{secret}}
			test.change(&opts)
			if _, err := auth.NewVerifier(opts); !errors.Is(err, auth.ErrBadOption) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("got %v, want %q in it", err, test.want)
			}
		})
	}
}

func TestPermissionsInAnotherClaim(t *testing.T) {
	t.Parallel()
	const name = "https://example.com/may"
	v := newVerifierAt(t, func(o *auth.Options) { o.PermissionsClaim = name })
	claims, err := v.Verify(t.Context(), craft(secret, hs256, `{`+soon+`,"chorus":"somebody else's","`+name+`":{"direct":false,"rooms":{"join":["a","b*"]}}}`))
	if err != nil {
		t.Fatal(err)
	}
	if d := claims.Decide(auth.ActionDirect, ""); d.Allowed || d.Rule() != "claim "+name+".direct false" {
		t.Errorf("%v by %s", d.Allowed, d.Rule())
	}
	patterns, source := claims.Patterns(auth.ActionJoin)
	if !reflect.DeepEqual(patterns, []string{"a", "b*"}) || source != "claim "+name+".rooms.join" {
		t.Errorf("got patterns %q of %s", patterns, source)
	}
	if patterns[1] = "*"; claims.CanJoin("c") {
		t.Error("the patterns could be changed")
	}
}

// A change of what was given to a verifier, or got from DefaultPermissions, changes no verifier.
func TestDefaultsCannotBeChanged(t *testing.T) {
	t.Parallel()
	mine := auth.DefaultPermissions()
	mine.Rooms.Join[0] = "lobby"
	v := newVerifierAt(t, func(o *auth.Options) { o.Defaults = &mine })
	mine.Rooms.Join[0], mine.Broadcast = "*", false
	claims, err := v.Verify(t.Context(), craft(secret, hs256, `{`+soon+`}`))
	if err != nil {
		t.Fatal(err)
	}
	if claims.CanJoin("team") || !claims.CanBroadcast() || auth.DefaultPermissions().Rooms.Join[0] != "*" {
		t.Error("they were changed")
	}
}

func TestForbidden(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		action auth.Action
		name   string
		want   string
	}{
		{auth.ActionJoin, "lobby", `{"ok":false,"error":{"code":"forbidden","message":"the token does not permit: join","action":"join","room":"lobby"}}`},
		{auth.ActionBroadcast, "", `{"ok":false,"error":{"code":"forbidden","message":"the token does not permit: broadcast","action":"broadcast"}}`},
		{auth.ActionAPI, "publish", `{"ok":false,"error":{"code":"forbidden","message":"the token does not permit: api","action":"api","function":"publish"}}`},
	} {
		got, err := json.Marshal(auth.Forbidden(test.action, test.name).Answer())
		if err != nil || !sameJSON(string(got), test.want) {
			t.Errorf("got %s, %v, want %s", got, err, test.want)
		}
	}
}

// Every event of every client asks.
func TestDecideAllocatesNothing(t *testing.T) {
	claims, err := claimsWith(t, `{"rooms":{"join":["lobby","user:{sub}","team-*"]}}`, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(100, func() {
		if !claims.CanBroadcast() || !claims.CanJoin("team-red") || !claims.CanJoin("user:ada") || claims.CanJoin("x") {
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
		claims := goodClaims("ada")
		if test.join != nil {
			claims["chorus"] = map[string]any{"rooms": map[string]any{"join": test.join}}
		}
		verified, err := newVerifier(t, nil).Verify(t.Context(), sign(t, secret, claims))
		if err != nil {
			t.Fatal(err)
		}
		decision := verified.Decide(auth.ActionJoin, test.room)
		if decision.Allowed != test.want || test.rule != "" && decision.Rule() != test.rule {
			t.Errorf("%q: %s: %t by %s", test.join, test.room, decision.Allowed, decision.Rule())
		}
		if got := verified.Decide(auth.ActionEvents, test.room).Allowed; !got {
			t.Errorf("an event %s is taken for a room", test.room)
		}
	}
}

func TestDefaultsOfNewActions(t *testing.T) {
	t.Parallel()
	claims := goodClaims("ada")
	verified, err := newVerifier(t, nil).Verify(t.Context(), sign(t, secret, claims))
	if err != nil {
		t.Fatal(err)
	}
	if verified.CanModerate("lobby") || !verified.CanSendEvent("move") {
		t.Error("by default a token moderates nothing and sends every event")
	}
	claims["chorus"] = map[string]any{"rooms": map[string]any{"moderate": []string{"team-*"}}, "events": []string{"chat:*"}}
	if verified, err = newVerifier(t, nil).Verify(t.Context(), sign(t, secret, claims)); err != nil {
		t.Fatal(err)
	}
	if !verified.CanModerate("team-red") || verified.CanModerate("lobby") || !verified.CanSendEvent("chat:go") || verified.CanSendEvent("move") {
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
		claims := goodClaims("ada")
		claims["chorus"] = map[string]any{"api": []string{scope}}
		verified, err := newVerifier(t, nil).Verify(t.Context(), sign(t, secret, claims))
		if err != nil {
			t.Fatal(err)
		}
		for needed, allowed := range want {
			if verified.CanUseAPI(needed) != allowed {
				t.Errorf("%s for %s: %t", scope, needed, !allowed)
			}
		}
	}
}
