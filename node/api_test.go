package node_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"chorus/api"
	"chorus/api/rest"
	"chorus/auth/refusal"
	"chorus/node"
	"chorus/node/config"

	"github.com/alicebob/miniredis/v2"
)

// apiKeyFor adds a key with scopes to a configuration and returns it. The API is at the public address.
func apiKeyFor(t *testing.T, cfg *node.Config, name string, scopes ...string) string {
	t.Helper()
	key, hash, err := rest.NewKey(name)
	if err != nil {
		t.Fatal(err)
	}
	cfg.API.Listen = config.APIPublic
	cfg.API.Keys = append(cfg.API.Keys, config.APIKeyConfig{Name: name, Hash: hash, Scopes: scopes})
	return key
}

// apiAnswer is an answer of the API.
type apiAnswer struct {
	status int
	header http.Header
	body   string
}

// get returns a member of the answer as JSON, "" when it is not there.
func (a apiAnswer) get(name string) string {
	var members map[string]json.RawMessage
	_ = json.Unmarshal([]byte(a.body), &members)
	return string(members[name])
}

// callAPI sends a request. Headers are pairs of name and value.
func callAPI(t *testing.T, addr, key, method, path, body string, headers ...string) apiAnswer {
	t.Helper()
	r, err := http.NewRequest(method, "http://"+addr+"/api/v1"+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if key != "" {
		r.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i < len(headers); i += 2 {
		r.Header.Add(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return apiAnswer{response.StatusCode, response.Header, string(text)}
}

// twoNodes runs a cluster of two nodes with an API key that may do everything.
func twoNodes(t *testing.T, change func(*node.Config)) (a, b *running, key string) {
	t.Helper()
	redis := miniredis.RunT(t)
	cfg := valid()
	cfg.Cluster.Redis.URL = "redis://" + redis.Addr()
	key = apiKeyFor(t, &cfg, "backend", "admin")
	if change != nil {
		change(&cfg)
	}
	a, b = run(t, cfg), run(t, cfg)
	eventually(t, "the nodes know each other", func() bool {
		return len(a.Nodes().Nodes()) == 2 && len(b.Nodes().Nodes()) == 2
	})
	return a, b, key
}

// joinRoom is join and the request to join a room.
func joinRoom(t *testing.T, addr, user string, rooms ...string) *rawClient {
	t.Helper()
	c := as(t, addr, user)
	for _, room := range rooms {
		if got := c.ask(fmt.Sprintf(`["join",%q]`, room)); !done(got) {
			t.Fatalf("join: %s", got)
		}
	}
	return c
}

func TestAPIPublish(t *testing.T) {
	for _, history := range []bool{false, true} {
		t.Run(fmt.Sprintf("history %v", history), func(t *testing.T) {
			a, b, key := twoNodes(t, func(cfg *node.Config) {
				if history {
					cfg.Chat.Rooms = []config.RoomConfig{{Match: "*", Presence: true, History: config.HistoryConfig{Messages: 100}}}
				}
			})
			ada, bob, eve := joinRoom(t, a.addr, "ada", "one", "two"), joinRoom(t, b.addr, "bob", "two"), as(t, b.addr, "eve")
			say := func(body string) apiAnswer {
				t.Helper()
				got := callAPI(t, a.addr, key, "POST", "/publish", body)
				if got.status != http.StatusOK {
					t.Fatalf("%d %s", got.status, got.body)
				}
				return got
			}
			answer := say(`{"to": {"rooms": ["one", "two"], "users": ["ada", "eve"]}, "value": {"n": 1.50, "big": 12345678901234567890123}, "id": "m1"}`)
			say(`{"to": {"rooms": ["one", "two"], "users": ["ada", "eve"]}, "value": {"n": 1.50, "big": 12345678901234567890123}, "id": "m1"}`)
			say(`{"to": {"everyone": true}, "event": "fence", "args": []}`)
			for name, c := range map[string]struct {
				client *rawClient
				want   string
			}{
				"ada": {ada, `42["publish","one",`}, "bob": {bob, `42["publish","two",`}, "eve": {eve, `42["direct",null,`},
			} {
				var heard []string
				for got := ""; got != `42["fence"]`; {
					got = c.client.await("42")
					heard = append(heard, got)
				}
				value := `{"n": 1.50, "big": 12345678901234567890123}`
				if len(heard) != 2 || !strings.HasPrefix(heard[0], c.want+value) || !strings.Contains(heard[0], `"from":null`) || !strings.Contains(heard[0], `"id":"m1"`) {
					t.Errorf("%s heard %v", name, heard)
				}
			}
			if got := answer.get("results"); !strings.Contains(got, `"user":"eve","online":1`) || strings.Contains(got, `"seq":1`) != history {
				t.Errorf("results: %s", got)
			}
			if got := callAPI(t, b.addr, key, "POST", "/publish", `{"to": {"rooms": ["one"]}, "value": 2, "id": "m1"}`); got.status != http.StatusConflict {
				t.Errorf("another value with the same id: %d %s", got.status, got.body)
			}
		})
	}
}

func TestAPILists(t *testing.T) {
	a, b, key := twoNodes(t, nil)
	for i := range 7 {
		joinRoom(t, []string{a.addr, b.addr}[i%2], fmt.Sprint("user", i), fmt.Sprint("room", i), "all/of them")
	}
	var names []string
	for cursor, pages := "", 0; ; pages++ {
		page := callAPI(t, b.addr, key, "GET", "/rooms?prefix=room&limit=3&cursor="+cursor, "")
		var list api.RoomList
		if err := json.Unmarshal([]byte(page.body), &list); err != nil || page.status != http.StatusOK {
			t.Fatalf("%d %s", page.status, page.body)
		}
		for _, r := range list.Rooms {
			names = append(names, fmt.Sprintf("%s %d %d", r.Room, r.Count, r.Sockets))
		}
		if cursor = list.Next; cursor == "" {
			if pages != 2 {
				t.Errorf("%d further pages", pages)
			}
			break
		}
	}
	if got := strings.Join(names, ", "); got != "room0 1 1, room1 1 1, room2 1 1, room3 1 1, room4 1 1, room5 1 1, room6 1 1" {
		t.Error(got)
	}
	for path, want := range map[string]string{
		"/rooms":                          `"room":"all/of them","count":7,"sockets":7`,
		"/rooms/all%2Fof%20them":          `{"room":"all/of them","count":7,"sockets":7}`,
		"/rooms/nobody":                   `{"room":"nobody","count":0,"sockets":0}`,
		"/rooms/all%2Fof%20them/presence": `"count":7,"users":[{"id":"user0"`,
		"/rooms/nobody/presence":          `{"room":"nobody","count":0,"users":[]}`,
		"/nodes":                          a.addr,
		"/stats":                          `"nodes":2`,
	} {
		if got := callAPI(t, a.addr, key, "GET", path, ""); got.status != http.StatusOK || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %s", path, got.status, got.body)
		}
	}
}

func TestAPIRefusals(t *testing.T) {
	cfg := valid()
	key := apiKeyFor(t, &cfg, "backend_1", "publish", "rooms:read")
	ended := apiKeyFor(t, &cfg, "ended", "admin")
	cfg.API.Keys[1].End = time.Now().Add(-time.Second).Format(time.RFC3339)
	n := run(t, cfg)
	const good = `{"to": {"everyone": true}, "value": 1}`
	with := func(permissions ...string) string { return tokenWith(t, map[string]any{"api": permissions}) }
	for name, c := range map[string]struct {
		key, method, path, body string
		headers                 []string
		status                  int
		code                    string
	}{
		"good":                             {key, "POST", "/publish", good, nil, 200, ""},
		"a token":                          {with("publish"), "POST", "/publish", good, nil, 200, ""},
		"without a key":                    {"", "GET", "/rooms", "", nil, 401, refusal.CodeCredentialsRequired},
		"an unknown path, no key":          {"", "GET", "/nothing", "", nil, 401, refusal.CodeCredentialsRequired},
		"another secret":                   {key[:len(key)-1] + "x", "GET", "/rooms", "", nil, 401, refusal.CodeInvalidToken},
		"another name":                     {strings.Replace(key, "backend_1", "ended", 1), "GET", "/rooms", "", nil, 401, refusal.CodeInvalidToken},
		"an end":                           {ended, "GET", "/rooms", "", nil, 401, refusal.CodeInvalidToken},
		"a token of a user":                {tokenWith(t, nil), "GET", "/rooms", "", nil, 403, refusal.CodeForbidden},
		"a token with less":                {with("rooms"), "POST", "/publish", good, nil, 403, refusal.CodeForbidden},
		"a key with less":                  {key, "GET", "/nodes", "", nil, 403, refusal.CodeForbidden},
		"two keys":                         {key, "GET", "/rooms", "", []string{"Authorization", "Bearer x"}, 400, refusal.CodeCredentialsBadFormat},
		"an unknown path":                  {key, "GET", "/nothing", "", nil, 404, "not_found"},
		"a slash at the end":               {key, "GET", "/rooms/", "", nil, 404, "not_found"},
		"two slashes":                      {key, "GET", "//rooms", "", nil, 404, "not_found"},
		"another method":                   {key, "PUT", "/publish", good, nil, 405, "method_not_allowed"},
		"no body":                          {key, "POST", "/publish", "", nil, 400, "bad_request"},
		"no JSON":                          {key, "POST", "/publish", "{", nil, 400, "bad_request"},
		"a list":                           {key, "POST", "/publish", "[]", nil, 422, "invalid_value"},
		"a member twice":                   {key, "POST", "/publish", `{"to": {"everyone": true}, "value": 1, "v\u0061lue": 2}`, nil, 400, "bad_request"},
		"not UTF-8":                        {key, "POST", "/publish", "{\"to\": {\"everyone\": true}, \"value\": \"\xff\"}", nil, 400, "bad_request"},
		"too deep":                         {key, "POST", "/publish", `{"to": {"everyone": true}, "value": ` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}", nil, 400, "bad_request"},
		"an unknown member":                {key, "POST", "/publish", `{"to": {"everyone": true}, "value": 1, "SECRETSECRET": 1}`, nil, 422, "invalid_value"},
		"another case":                     {key, "POST", "/publish", `{"to": {"everyone": true}, "Value": 1}`, nil, 422, "invalid_value"},
		"nobody":                           {key, "POST", "/publish", `{"to": {}, "value": 1}`, nil, 422, "invalid_value"},
		"no value":                         {key, "POST", "/publish", `{"to": {"everyone": true}}`, nil, 422, "invalid_value"},
		"value and event":                  {key, "POST", "/publish", `{"to": {"everyone": true}, "value": 1, "event": "x"}`, nil, 422, "invalid_value"},
		"a reserved event":                 {key, "POST", "/publish", `{"to": {"everyone": true}, "event": "connect"}`, nil, 422, "invalid_value"},
		"the room ..":                      {key, "POST", "/publish", `{"to": {"rooms": [".."]}, "value": "SECRETSECRET"}`, nil, 422, "invalid_value"},
		"a conversation":                   {key, "POST", "/publish", `{"to": {"rooms": ["@bob"]}, "value": 1}`, nil, 422, "invalid_value"},
		"half of a pair":                   {key, "POST", "/publish", `{"to": {"rooms": ["\ud800"]}, "value": 1}`, nil, 422, "invalid_value"},
		"the room .. in a path":            {key, "GET", "/rooms/%2E%2E", "", nil, 422, "invalid_value"},
		"a path that is not UTF-8":         {key, "GET", "/rooms/%ff", "", nil, 400, "bad_request"},
		"an unknown parameter":             {key, "GET", "/rooms?SECRETSECRET=1", "", nil, 422, "invalid_value"},
		"a limit of letters":               {key, "GET", "/rooms?limit=SECRETSECRET", "", nil, 422, "invalid_value"},
		"a limit beyond":                   {key, "GET", "/rooms?limit=1001", "", nil, 422, "invalid_value"},
		"a cursor of nobody":               {key, "GET", "/rooms?cursor=%20SECRETSECRET", "", nil, 422, "invalid_value"},
		"permissions in .":                 {with("admin:read"), "GET", "/users/ada/permissions?room=.", "", nil, 422, "invalid_value"},
		"permissions in a conversation":    {with("admin:read"), "GET", "/users/ada/permissions?room=@bob", "", nil, 422, "invalid_value"},
		"permissions, a control character": {with("admin:read"), "GET", "/users/ada/permissions?room=%00SECRETSECRET", "", nil, 422, "invalid_value"},
		"permissions, too many bytes":      {with("admin:read"), "GET", "/users/ada/permissions?room=" + strings.Repeat("%c3%a4", 128), "", nil, 422, "invalid_value"},
		"permissions, no room":             {with("admin:read"), "GET", "/users/ada/permissions?room=", "", nil, 422, "invalid_value"},
		"permissions, not UTF-8":           {with("admin:read"), "GET", "/users/ada/permissions?room=%ff", "", nil, 400, "bad_request"},
		"moderation in ..":                 {with("moderate:read"), "GET", "/moderation?room=..", "", nil, 422, "invalid_value"},
		"a purge of a bad user":            {with("history"), "DELETE", "/rooms/r/messages?user=%00", "", nil, 422, "invalid_value"},
		"a form":                           {key, "POST", "/publish", good, []string{"Content-Type", "application/x-www-form-urlencoded"}, 415, "unsupported_media_type"},
		"latin 1":                          {key, "POST", "/publish", good, []string{"Content-Type", "application/json; charset=latin1"}, 415, "unsupported_media_type"},
		"gzip":                             {key, "POST", "/publish", good, []string{"Content-Encoding", "gzip"}, 415, "unsupported_media_type"},
		"too large":                        {key, "POST", "/publish", `{"to": {"everyone": true}, "value": "` + strings.Repeat("x", 1_000_000) + `"}`, nil, 413, chat413},
		"a long name of a member":          {key, "POST", "/publish", `{"to": {"everyone": true}, "value": 1, "` + strings.Repeat("SECRETSECRET", 10_000) + `": 1}`, nil, 422, "invalid_value"},
		"thousands of errors":              {key, "POST", "/publish", `{"to": {"rooms": [` + strings.TrimSuffix(strings.Repeat("5,", 50_000), ",") + `]}, "value": 1}`, nil, 422, "invalid_value"},
		"an Idempotency-Key, too long":     {key, "POST", "/publish", good, []string{"Idempotency-Key", strings.Repeat("x", 256)}, 422, "invalid_value"},
	} {
		t.Run(name, func(t *testing.T) {
			got := callAPI(t, n.addr, c.key, c.method, c.path, c.body, c.headers...)
			if got.status != c.status || got.header.Get("X-Request-Id") == "" || got.header.Get("RateLimit") == "" || got.header.Get("RateLimit-Policy") == "" {
				t.Fatalf("%d %v %s", got.status, got.header, got.body)
			}
			if c.code == "" {
				return
			}
			if got.get("code") != `"`+c.code+`"` || got.get("status") != fmt.Sprint(c.status) || got.header.Get("Content-Type") != "application/problem+json" ||
				got.get("title") == "" || got.get("detail") == "" || got.get("type") == "" || len(got.body) > 20_000 || strings.Contains(got.body, "SECRET") {
				t.Errorf("%v %s", got.header, got.body)
			}
			switch {
			case c.status == 401 && got.header.Get("WWW-Authenticate") == "":
				t.Error("no WWW-Authenticate")
			case c.status == 405 && got.header.Get("Allow") != "OPTIONS, POST":
				t.Errorf("Allow: %s", got.header.Get("Allow"))
			}
		})
	}
}

const chat413 = "too_large"

func TestAPIIdempotency(t *testing.T) {
	for _, cluster := range []bool{false, true} {
		t.Run(fmt.Sprintf("cluster %v", cluster), func(t *testing.T) {
			cfg := valid()
			key := apiKeyFor(t, &cfg, "one", "publish")
			other := apiKeyFor(t, &cfg, "two", "publish")
			if cluster {
				cfg.Cluster.Redis.URL = "redis://" + miniredis.RunT(t).Addr()
			}
			n := run(t, cfg)
			const body = `{"to": {"everyone": true}, "value": 1}`
			post := func(key, id, body string) apiAnswer {
				return callAPI(t, n.addr, key, "POST", "/publish", body, "Idempotency-Key", id)
			}
			first, again := post(key, "k", body), post(key, "k", body)
			if first.status != 200 || first.body != again.body || again.header.Get("Idempotency-Replayed") != "true" || first.header.Get("Idempotency-Replayed") != "" {
				t.Errorf("%v, then %v", first, again)
			}
			if got := post(other, "k", body); got.status != 200 || got.body == first.body {
				t.Errorf("of another key: %v", got)
			}
			if got := post(key, "k", `{"to": {"everyone": true}, "value": 2}`); got.status != 422 || got.get("code") != `"idempotency_key_reused"` {
				t.Errorf("another body: %v", got)
			}
			if got := post(key, "f", `{}`); got.status != 422 || got.get("code") != `"invalid_value"` {
				t.Errorf("a failure: %v", got)
			}
			if got := post(key, "f", body); got.status != 200 {
				t.Errorf("after a failure: %v", got)
			}
		})
	}
}

func TestAPIDocument(t *testing.T) {
	cfg := valid()
	apiKeyFor(t, &cfg, "backend", "admin")
	n := run(t, cfg)
	document := callAPI(t, n.addr, "", "GET", "/openapi.json", "")
	if document.status != 200 || !bytes.Contains([]byte(document.body), []byte(`"openapi": "3.1.0"`)) {
		t.Errorf("%d %.200s", document.status, document.body)
	}
	page := callAPI(t, n.addr, "", "GET", "/docs", "")
	if page.status != 200 || !strings.Contains(page.header.Get("Content-Security-Policy"), "default-src 'none'") || strings.Contains(page.body, "<script") {
		t.Errorf("%d %v", page.status, page.header)
	}
}
