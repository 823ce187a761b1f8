package cluster

import (
	"chorus/node/config"
	"slices"
	"strings"
	"testing"
)

func TestParseRedisURL(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		text     string
		kind     redisKind
		hosts    []string
		master   string
		user, pw string
		db       int
		tls      bool
	}{
		{text: "redis://localhost", hosts: []string{"localhost:6379"}},
		{text: "rediss://u:p@h:1/2", hosts: []string{"h:1"}, user: "u", pw: "p", db: 2, tls: true},
		{text: "unix:///run/redis.sock?db=3", hosts: []string{"/run/redis.sock"}, db: 3},
		{text: "redis+sentinel://a,b:1,[::1]:2/chat", kind: redisSentinel, hosts: []string{"a:26379", "b:1", "[::1]:2"}, master: "chat"},
		{text: "rediss+sentinel://u:p%40@a/chat%20room/4", kind: redisSentinel, hosts: []string{"a:26379"}, master: "chat room", user: "u", pw: "p@", db: 4, tls: true},
		{text: "redis+cluster://:p@a,b:7001", kind: redisCluster, hosts: []string{"a:6379", "b:7001"}, pw: "p"},
		{text: "rediss+cluster://a,b/", kind: redisCluster, hosts: []string{"a:6379", "b:6379"}, tls: true},
	} {
		t.Run(test.text, func(t *testing.T) {
			t.Parallel()
			u, err := parseRedisURL(test.text)
			if err != nil {
				t.Fatal(err)
			}
			o := u.opts
			if u.kind != test.kind || !slices.Equal(u.hosts, test.hosts) || u.master != test.master ||
				o.Username != test.user || o.Password != test.pw || o.DB != test.db || (o.TLSConfig != nil) != test.tls {
				t.Errorf("got %+v with user %q, password %q, database %d, TLS %v", u, o.Username, o.Password, o.DB, o.TLSConfig != nil)
			}
			if u.kind != redisSingle && test.tls && o.TLSConfig.ServerName != "" {
				t.Errorf("all hosts must be called %s", o.TLSConfig.ServerName)
			}
		})
	}
}

func TestBadRedisURL(t *testing.T) {
	t.Parallel()
	for text, says := range map[string]string{
		"localhost:6379":                  "redis://",
		"http://localhost":                "redis://",
		"redis://:hunter2@bad port/x":     "redis://",
		"redis://:hunter2@a,b":            "redis+cluster://",
		"redis+://a":                      "redis://",
		"redis+ring://a":                  "redis://",
		"unix+cluster:///run/x":           "redis://",
		"redis+sentinel://:hunter2@a":     "name of the master",
		"redis+sentinel://a/chat/x":       "redis://",
		"redis+cluster://a/1":             "no databases",
		"redis+cluster://a?pool_size=1":   "question mark",
		"redis://:hunter2@a?pool=1&x=2":   "pool, x",
		"rediss://a?skip_verify=true":     "ca_file",
		"redis+cluster://:hunter2@a,,b":   "redis://",
		"redis+cluster://:hunter2@a:port": "redis://",
	} {
		_, err := parseRedisURL(text)
		if err == nil || !strings.Contains(err.Error(), says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", text, err)
		}
		if strings.Contains(config.MaskURL(text), "hunter2") {
			t.Errorf("%s is shown as %s", text, config.MaskURL(text))
		}
	}
}

func TestOlder(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		version, than string
		want          bool
	}{
		{"6.0.16", "6.2", true}, {"6.2.0", "6.2", false}, {"6.2.14", "7.0", true}, {"7.0.15", "7.0", false}, {"10.1", "7.0", false}, {"7", "7.0", true}, {"unstable", "7.0", false},
	} {
		if got := older(test.version, test.than); got != test.want {
			t.Errorf("%s is older than %s: %v", test.version, test.than, got)
		}
	}
}
