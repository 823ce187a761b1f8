package node_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"chorus/node"
)

const secret = "a secret of thirty-two bytes or more"

func valid() node.Config {
	cfg := node.DefaultConfig()
	cfg.Listen = "127.0.0.1:0"
	cfg.Admin.Listen = ""
	cfg.Auth.Secret = secret
	cfg.Log.Level = "error"
	return cfg
}

func TestValidateNamesTheField(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		change func(*node.Config)
		want   string // in the error; "" for none
	}{
		{"valid", func(*node.Config) {}, ""},
		{"no secret", func(c *node.Config) { c.Auth.Secret = "" }, "auth.secret: no key"},
		{"no secret, insecure", func(c *node.Config) { c.Auth.Secret, c.Insecure = "", true }, ""},
		{"short secret", func(c *node.Config) { c.Auth.Secret = "short" }, "32"},
		{"short secret, insecure", func(c *node.Config) { c.Auth.Secret, c.Insecure = "short", true }, ""},
		{"two secrets", func(c *node.Config) { c.Auth.Secrets = []string{strings.Repeat("x", 32)} }, ""},
		{"one of two is short", func(c *node.Config) { c.Auth.Secrets = []string{"short"} }, "32"},
		{"algorithm", func(c *node.Config) { c.Auth.Algorithms = []string{"none"} }, "none"},
		{"algorithm without a key", func(c *node.Config) { c.Auth.Algorithms = []string{"RS256"} }, "auth.algorithms"},
		{"leeway", func(c *node.Config) { c.Auth.Leeway = time.Hour }, "auth.leeway"},
		{"no leeway", func(c *node.Config) { c.Auth.Leeway = 0 }, ""},
		{"public key that is no file", func(c *node.Config) { c.Auth.PublicKeys = []string{"/nowhere.pem"} }, "auth.public_keys: neither"},
		{"public key that is none", func(c *node.Config) {
			c.Auth.PublicKeys = []string{"-----BEGIN PUBLIC KEY-----\n-----END PUBLIC KEY-----"}
		}, "auth.public_keys"},
		{"JWKS alone", func(c *node.Config) { c.Auth.Secret, c.Auth.JWKSURL = "", "https://id.example/jwks" }, ""},
		{"JWKS over http", func(c *node.Config) { c.Auth.JWKSURL = "http://id.example/jwks" }, "auth.jwks_url"},
		{"JWKS too often", func(c *node.Config) { c.Auth.JWKSURL, c.Auth.JWKSRefresh = "https://id.example/jwks", time.Millisecond }, "auth.jwks_refresh"},
		{"token size", func(c *node.Config) { c.Auth.MaxToken = 10 }, "auth.max_token"},
		{"cache", func(c *node.Config) { c.Auth.Cache = -1 }, "auth.cache"},
		{"no cache", func(c *node.Config) { c.Auth.Cache = 0 }, ""},
		{"expiry notice", func(c *node.Config) { c.Auth.ExpiryNotice = -1 }, "auth.expiry_notice"},
		{"revocation keep", func(c *node.Config) { c.Auth.RevocationKeep = 0 }, "auth.revocation_keep"},
		{"connections of a subject", func(c *node.Config) { c.Auth.MaxConnections = -1 }, "auth.max_connections"},
		{"policy", func(c *node.Config) { c.Auth.MaxConnectionsPolicy = "guess" }, "auth.max_connections_policy"},
		{"permissions claim", func(c *node.Config) { c.Auth.PermissionsClaim = "" }, "auth.permissions_claim"},
		{"pattern of a default", func(c *node.Config) { c.Auth.Defaults.Rooms.Join = []string{"a{b"} }, "auth.defaults"},
		{"rooms", func(c *node.Config) { c.MaxRooms = 0 }, "max_rooms"},
		{"mode", func(c *node.Config) { c.Auth.Mode = "magic" }, "auth.mode"},
		{"event timeout", func(c *node.Config) { c.Auth.EventTimeout = 0 }, "auth.event_timeout"},
		{"listen", func(c *node.Config) { c.Listen = "3000" }, "listen"},
		{"admin", func(c *node.Config) { c.Admin.Listen = "x" }, "admin.listen"},
		{"path", func(c *node.Config) { c.Path = "socket.io" }, "path"},
		{"ping interval", func(c *node.Config) { c.PingInterval = 0 }, "ping_interval"},
		{"ping timeout", func(c *node.Config) { c.PingTimeout = -1 }, "ping_timeout"},
		{"payload", func(c *node.Config) { c.MaxPayload = 0 }, "max_payload"},
		{"connect timeout", func(c *node.Config) { c.ConnectTimeout = 0 }, "connect_timeout"},
		{"origin without scheme", func(c *node.Config) { c.CORS.Origins = []string{"example.com"} }, "cors.origins"},
		{"origin with path", func(c *node.Config) { c.CORS.Origins = []string{"https://example.com/"} }, "cors.origins"},
		{"origins", func(c *node.Config) { c.CORS.Origins = []string{"https://example.com", "*"} }, ""},
		{"adapter", func(c *node.Config) { c.Cluster.Adapter = "carrier pigeon" }, "cluster.adapter"},
		{"pubsub without redis", func(c *node.Config) { c.Cluster.Adapter = "pubsub" }, "cluster.redis.url"},
		{"redis", func(c *node.Config) { c.Cluster.Redis.URL = "localhost:6379" }, "cluster.redis.url"},
		{"prefix", func(c *node.Config) { c.Cluster.Redis.Prefix = "" }, "cluster.redis.prefix"},
		{"order", func(c *node.Config) { c.Cluster.Order = "alphabetical" }, "cluster.order"},
		{"stream count", func(c *node.Config) { c.Cluster.Streams.Count = 0 }, "cluster.streams.count"},
		{"stream length", func(c *node.Config) { c.Cluster.Streams.MaxLength = 10 }, "cluster.streams.max_length"},
		{"streams without redis", func(c *node.Config) { c.Cluster.Adapter = "streams" }, "cluster.redis.url"},
		{"recovery in memory", func(c *node.Config) { c.Recovery.Enabled = true }, ""},
		{"recovery with streams", func(c *node.Config) {
			c.Recovery.Enabled, c.Cluster.Adapter, c.Cluster.Redis.URL = true, "streams", "redis://localhost"
		}, ""},
		{"recovery with pubsub", func(c *node.Config) { c.Recovery.Enabled, c.Cluster.Redis.URL = true, "redis://localhost" }, "recovery.enabled"},
		{"recovery of nobody", func(c *node.Config) { c.Recovery.Enabled, c.Auth.Mode = true, "both" }, "recovery.enabled"},
		{"recovery time", func(c *node.Config) { c.Recovery.MaxDisconnection = time.Millisecond }, "recovery.max_disconnection"},
		{"request timeout", func(c *node.Config) { c.Cluster.RequestTimeout = 0 }, "cluster.request_timeout"},
		{"drain", func(c *node.Config) { c.Drain.Timeout = 0 }, "drain.timeout"},
		{"level", func(c *node.Config) { c.Log.Level = "loud" }, "log.level"},
		{"format", func(c *node.Config) { c.Log.Format = "xml" }, "log.format"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := valid()
			test.change(&cfg)
			err := node.Validate(cfg)
			switch {
			case test.want == "" && err != nil:
				t.Fatalf("refused: %v", err)
			case test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)):
				t.Fatalf("got the error %v, want one with %q", err, test.want)
			case err != nil && strings.Contains(err.Error(), "short secret"):
				t.Fatalf("the secret is in the error: %v", err)
			}
		})
	}
}

func TestPasswordsStayOutOfErrors(t *testing.T) {
	t.Parallel()
	cfg := valid()
	cfg.Cluster.Redis.URL = "redis://user:hunter2@:bad port/x"
	err := node.Validate(cfg)
	if err == nil || strings.Contains(err.Error(), "hunter2") {
		t.Fatalf("got %v", err)
	}
}

// The environment belongs to the process, so what reads it does not run in parallel.
func TestLoadConfig(t *testing.T) {
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "chorus.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	secretFile := file("  " + secret + "\n")

	tests := []struct {
		name string
		yaml string
		env  map[string]string
		want func(node.Config) bool
		err  string
	}{
		{name: "defaults", want: func(c node.Config) bool {
			return c.Listen == ":3000" && c.PingInterval == 25*time.Second && c.MaxPayload == 1_000_000 && c.Auth.RequireExp
		}},
		{name: "file", yaml: "listen: :4000\nauth:\n  mode: event\n  leeway: 1m\n", want: func(c node.Config) bool {
			return c.Listen == ":4000" && c.Auth.Mode == "event" && c.Auth.Leeway == time.Minute && c.Auth.EventTimeout == 15*time.Second
		}},
		{name: "lists and truths in the file", yaml: "auth:\n  secrets: ['a,b', c]\n  require_exp: false\nmax_payload: 2000\n", want: func(c node.Config) bool {
			return slices.Equal(c.Auth.Secrets, []string{"a,b", "c"}) && !c.Auth.RequireExp && c.MaxPayload == 2000
		}},
		{name: "permissions in the file", yaml: "auth:\n  defaults:\n    broadcast: false\n    rooms:\n      join: [lobby, 'user-{sub}']\n      publish: []\n", want: func(c node.Config) bool {
			d := c.Auth.Defaults
			return !d.Broadcast && slices.Equal(d.Rooms.Join, []string{"lobby", "user-{sub}"}) && len(d.Rooms.Publish) == 0 && slices.Equal(d.Rooms.History, []string{"*"})
		}},
		{name: "empty file", yaml: "# nothing\n", want: func(c node.Config) bool { return c.Listen == ":3000" }},
		{name: "variable goes before file", yaml: "listen: :4000\n", env: map[string]string{"CHORUS_LISTEN": ":5000"},
			want: func(c node.Config) bool { return c.Listen == ":5000" }},
		{name: "list", env: map[string]string{"CHORUS_CORS_ORIGINS": "https://a.example, https://b.example"},
			want: func(c node.Config) bool {
				return slices.Equal(c.CORS.Origins, []string{"https://a.example", "https://b.example"})
			}},
		{name: "secret from a file", env: map[string]string{"CHORUS_AUTH_SECRET_FILE": secretFile},
			want: func(c node.Config) bool { return c.Auth.Secret == secret }},
		{name: "Kubernetes", env: map[string]string{"CHORUS_PORT": "tcp://10.0.0.1:3000", "CHORUS_SERVICE_HOST": "10.0.0.1"},
			want: func(c node.Config) bool { return c.Listen == ":3000" }},

		{name: "unknown key", yaml: "auth:\n  secrte: x\n", err: "secrte"},
		{name: "bad value in the file", yaml: "ping_interval: soon\n", err: "ping_interval"},
		{name: "bad number in the file", yaml: "max_payload: 1e3\n", err: "max_payload"},
		{name: "number for a text", yaml: "auth:\n  secret: 1123456789\n", err: "auth.secret"},
		{name: "list for a text", yaml: "auth:\n  secret: [a, b]\n", err: "auth.secret"},
		{name: "text for a branch", yaml: "auth: yes\n", err: "auth"},
		{name: "key twice", yaml: "listen: ':1'\nlisten: ':2'\n", err: "listen"},
		{name: "not YAML", yaml: "{", err: "chorus.yaml"},
		{name: "unknown variable", env: map[string]string{"CHORUS_AUTH_SECRTE": "x"}, err: "CHORUS_AUTH_SECRTE"},
		{name: "missing file of a variable", env: map[string]string{"CHORUS_AUTH_SECRET_FILE": "/nowhere"}, err: "CHORUS_AUTH_SECRET_FILE"},
		{name: "bad duration", env: map[string]string{"CHORUS_PING_TIMEOUT": "20"}, err: "CHORUS_PING_TIMEOUT"},
		{name: "bad truth", env: map[string]string{"CHORUS_ALLOW_EIO3": "perhaps"}, err: "CHORUS_ALLOW_EIO3"},
		{name: "bad number", env: map[string]string{"CHORUS_MAX_PAYLOAD": "1MB"}, err: "CHORUS_MAX_PAYLOAD"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for name, value := range test.env {
				t.Setenv(name, value)
			}
			path := ""
			if test.yaml != "" {
				path = file(test.yaml)
			}
			cfg, err := node.LoadConfig(path)
			switch {
			case test.err != "" && (err == nil || !strings.Contains(err.Error(), test.err)):
				t.Fatalf("got the error %v, want one with %q", err, test.err)
			case test.err != "" && strings.Contains(err.Error(), "\n"):
				t.Fatalf("the error has several lines: %v", err)
			case test.err == "" && err != nil:
				t.Fatal(err)
			case test.err == "" && !test.want(cfg):
				t.Fatalf("got %+v", cfg)
			}
		})
	}
}

func TestSet(t *testing.T) {
	t.Parallel()
	cfg := valid()
	if err := cfg.Set("cluster.redis.url", "redis://example:1"); err != nil || cfg.Cluster.Redis.URL != "redis://example:1" {
		t.Fatalf("got %q, %v", cfg.Cluster.Redis.URL, err)
	}
	for _, key := range []string{"cluster.redis.uri", "cluster_redis_url", "cluster", "", "-"} {
		if err := cfg.Set(key, "x"); err == nil {
			t.Errorf("%q was set", key)
		}
	}
	if err := cfg.Set("drain.timeout", "x"); err == nil || !strings.Contains(err.Error(), "drain.timeout") {
		t.Errorf("got %v", err)
	}
}

func TestRedactedHidesSecrets(t *testing.T) {
	t.Parallel()
	cfg := valid()
	cfg.Auth.Secrets = []string{secret + "2"}
	cfg.Cluster.Redis.URL = "redis://user:hunter2@localhost:6379"
	shown := cfg.Redacted()
	if shown.Auth.Secret == secret || slices.Contains(shown.Auth.Secrets, secret+"2") || strings.Contains(shown.Cluster.Redis.URL, "hunter2") {
		t.Fatalf("got %+v", shown)
	}
	if cfg.Auth.Secrets[0] != secret+"2" {
		t.Fatal("the original was changed")
	}
}
