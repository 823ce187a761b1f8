package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"chorus/adapter"
	"chorus/auth"
)

// Validate checks everything that can be checked without starting. The error names each field
// that is wrong and what to do.
func (c *Config) Validate() error {
	check := &checker{}
	check.address("listen", c.Listen)
	if c.Admin.Listen != "" {
		check.address("admin.listen", c.Admin.Listen)
	}
	check.that(strings.HasPrefix(c.Path, "/") && strings.HasSuffix(c.Path, "/") && len(c.Path) > 1,
		"path", "%q must begin and end with a slash and name something, as /socket.io/ does", c.Path)
	check.positive("ping_interval", c.PingInterval)
	check.positive("ping_timeout", c.PingTimeout)
	check.positive("connect_timeout", c.ConnectTimeout)
	check.positive("drain.timeout", c.Drain.Timeout)
	check.positive("cluster.request_timeout", c.Cluster.RequestTimeout)
	check.that(c.MaxPayload >= 1024, "max_payload", "%d bytes is less than the least, 1024", c.MaxPayload)
	check.that(c.MaxBuffer >= 4096, "max_buffer", "%d bytes is less than the least, 4096", c.MaxBuffer)
	check.that(c.MaxUnprocessed >= 1, "max_unprocessed", "%d is not positive", c.MaxUnprocessed)
	check.that(c.MaxRooms >= 1, "max_rooms", "%d is not positive", c.MaxRooms)
	check.that(c.MaxConnections >= 1, "max_connections", "%d is not positive", c.MaxConnections)
	check.that(c.MaxConnectionsPerAddress >= 0, "max_connections_per_address", "%d is negative: 0 stands for no limit", c.MaxConnectionsPerAddress)
	check.that(c.MinHeap >= 0, "min_heap", "%d is negative: 0 leaves the runtime alone", c.MinHeap)
	for _, origin := range c.CORS.Origins {
		check.origin("cors.origins", origin)
	}
	c.validateAuth(check)
	c.validateCluster(check)
	c.validateLog(check)
	return errors.Join(check.errs...)
}

func (c *Config) validateAuth(check *checker) {
	a := &c.Auth
	check.oneOf("auth.mode", a.Mode, string(auth.ModeHandshake), string(auth.ModeEvent), string(auth.ModeBoth))
	check.positive("auth.event_timeout", a.EventTimeout)
	check.positive("auth.revocation_keep", a.RevocationKeep)
	check.that(a.ExpiryNotice >= 0, "auth.expiry_notice", "%s is negative: 0 stands for no notice", a.ExpiryNotice)
	check.that(a.Leeway >= 0 && a.Leeway <= auth.MaxLeeway, "auth.leeway", "%s is not between 0s and %s", a.Leeway, auth.MaxLeeway)
	check.that(a.MaxToken >= 256, "auth.max_token", "%d bytes is less than the least, 256", a.MaxToken)
	check.that(a.Cache >= 0, "auth.cache", "%d is negative: 0 stands for none", a.Cache)
	check.that(a.MaxConnections >= 0, "auth.max_connections", "%d is negative: 0 stands for no limit", a.MaxConnections)
	check.oneOf("auth.max_connections_policy", a.MaxConnectionsPolicy, string(auth.PolicyRefuse), string(auth.PolicyCloseOldest))
	check.that(a.PermissionsClaim != "", "auth.permissions_claim", "it must not be empty: chorus is the default")
	if !c.hasKeys() {
		check.that(c.Insecure, "auth.secret", "no key: without one, nobody could be told from anybody. "+
			"Set CHORUS_AUTH_SECRET to the secret that your tokens are signed with, at least 32 bytes "+
			"(a new one: openssl rand -base64 48), auth.public_keys or auth.jwks_url to what they are verified with, "+
			"or start with --insecure to let everybody in")
		return
	}
	opts, err := c.verifierOptions()
	if err == nil {
		err = opts.Validate()
	}
	if err != nil {
		check.that(false, fieldOf(err), "%w", err)
	}
}

// authFields are the keys of the options of a verifier.
var authFields = map[string]string{
	"Secrets":        "auth.secret, auth.secrets",
	"PublicKeys":     "auth.public_keys",
	"JWKSURL":        "auth.jwks_url",
	"JWKSRefresh":    "auth.jwks_refresh",
	"Algorithms":     "auth.algorithms",
	"Audience":       "auth.audience",
	"Leeway":         "auth.leeway",
	"RequiredClaims": "auth.required_claims",
	"Types":          "auth.types",
	"MaxTokenBytes":  "auth.max_token",
	"CacheSize":      "auth.cache",
	"Defaults":       "auth.defaults",
}

// fieldOf returns the key of what a verifier refuses.
func fieldOf(err error) string {
	var option *auth.OptionError
	if errors.As(err, &option) && authFields[option.Option] != "" {
		return authFields[option.Option]
	}
	return "auth"
}

// ValidateCluster is Validate for a program that is not a node: it checks what concerns the cluster and the log.
func (c *Config) ValidateCluster() error {
	check := &checker{}
	c.validateCluster(check)
	c.validateLog(check)
	return errors.Join(check.errs...)
}

func (c *Config) validateLog(check *checker) {
	_, err := parseLevel(c.Log.Level)
	check.that(err == nil, "log.level", "%q is not debug, info, warn or error", c.Log.Level)
	check.oneOf("log.format", c.Log.Format, "text", "json")
}

func (c *Config) validateCluster(check *checker) {
	cluster := &c.Cluster
	check.oneOf("cluster.adapter", cluster.Adapter, "", AdapterMemory, AdapterPubSub, AdapterSharded, AdapterStreams)
	check.oneOf("cluster.order", cluster.Order, OrderImmediate, OrderTotal)
	check.that(cluster.Streams.Count >= 1, "cluster.streams.count", "%d is not positive", cluster.Streams.Count)
	check.that(cluster.Streams.MaxLength >= 100, "cluster.streams.max_length", "%d is less than the least, 100", cluster.Streams.MaxLength)
	check.oneOf("cluster.sharded.mode", cluster.Sharded.Mode, string(adapter.Dynamic), string(adapter.DynamicPrivate), string(adapter.Static))
	check.that(c.adapterName() == AdapterMemory || cluster.Redis.URL != "",
		"cluster.redis.url", "the %s adapter needs it, as redis://localhost:6379", c.adapterName())
	check.that(cluster.MaxPending >= 1, "cluster.max_pending", "%d is not positive", cluster.MaxPending)
	check.that(cluster.MaxPendingBytes >= 4096, "cluster.max_pending_bytes", "%d bytes is less than the least, 4096", cluster.MaxPendingBytes)
	check.that(cluster.MaxUnhandled >= 1 && cluster.MaxUnhandled <= maxUnhandled, "cluster.max_unhandled", "%d is not between 1 and %d", cluster.MaxUnhandled, maxUnhandled)
	check.that(cluster.MaxUnhandledBytes >= 4096, "cluster.max_unhandled_bytes", "%d bytes is less than the least, 4096", cluster.MaxUnhandledBytes)
	check.that(cluster.Redis.Prefix != "", "cluster.redis.prefix", "it must not be empty")
	c.validateRecovery(check)
	if cluster.Redis.URL == "" {
		return
	}
	_, err := cluster.Redis.options()
	var setting *settingError
	if errors.As(err, &setting) {
		check.that(false, setting.key, "%w", setting.err)
	}
}

func (c *Config) validateRecovery(check *checker) {
	if c.Recovery.Enabled {
		name := c.adapterName()
		check.that(name == AdapterStreams || name == AdapterMemory, "recovery.enabled",
			"the %s adapter keeps no messages: set cluster.adapter to streams", name)
		check.that(c.Auth.Mode == string(auth.ModeHandshake), "recovery.enabled",
			"who authenticates by event is nobody when it connects: set auth.mode to handshake")
	}
	check.that(c.Recovery.MaxDisconnection >= time.Second, "recovery.max_disconnection", "%s is less than the least, 1s", c.Recovery.MaxDisconnection)
}

// maxUnhandled is the most messages from Redis that may wait: there is a place for each.
const maxUnhandled = 1_000_000

// adapterName returns the adapter in force.
func (c *Config) adapterName() string {
	switch {
	case c.Cluster.Adapter != "":
		return c.Cluster.Adapter
	case c.Cluster.Redis.URL != "":
		return AdapterPubSub
	default:
		return AdapterMemory
	}
}

// totalOrder tells whether a message is delivered only as Redis brings it. Without Redis there is one order
// anyway.
func (c *Config) totalOrder() bool {
	return c.adapterName() != AdapterMemory && (c.Cluster.Order == OrderTotal || c.Recovery.Enabled)
}

// Secrets returns all HMAC secrets.
func (c *Config) Secrets() []string {
	if c.Auth.Secret == "" {
		return c.Auth.Secrets
	}
	return append([]string{c.Auth.Secret}, c.Auth.Secrets...)
}

// hasKeys tells whether there is anything to verify tokens with.
func (c *Config) hasKeys() bool {
	return len(c.Secrets()) > 0 || len(c.Auth.PublicKeys) > 0 || c.Auth.JWKSURL != ""
}

// Redacted returns a copy that can be shown: what is in force, secrets and passwords replaced.
func (c *Config) Redacted() Config {
	const hidden = "[redacted]"
	shown := *c
	shown.Cluster.Adapter = c.adapterName()
	if shown.Auth.Secret != "" {
		shown.Auth.Secret = hidden
	}
	shown.Auth.Secrets = nil
	for range c.Auth.Secrets {
		shown.Auth.Secrets = append(shown.Auth.Secrets, hidden)
	}
	shown.Cluster.Redis.URL = maskRedisURL(c.Cluster.Redis.URL)
	for _, password := range []*string{&shown.Cluster.Redis.Password, &shown.Cluster.Redis.SentinelPassword} {
		if *password != "" {
			*password = hidden
		}
	}
	return shown
}

func parseLevel(text string) (slog.Level, error) {
	var level slog.Level
	err := level.UnmarshalText([]byte(text))
	return level, err
}

// checker gathers what is wrong.
type checker struct{ errs []error }

func (c *checker) that(ok bool, field, format string, args ...any) {
	if !ok {
		c.errs = append(c.errs, fmt.Errorf("%w: %s: "+format, append([]any{ErrConfig, field}, args...)...))
	}
}

func (c *checker) positive(field string, d time.Duration) {
	c.that(d > 0, field, "%s is not more than nothing", d)
}

func (c *checker) oneOf(field, value string, allowed ...string) {
	for _, a := range allowed {
		if value == a {
			return
		}
	}
	c.that(false, field, "%q is none of: %s", value, strings.TrimPrefix(strings.Join(allowed, ", "), ", "))
}

func (c *checker) address(field, value string) {
	_, _, err := net.SplitHostPort(value)
	c.that(err == nil, field, "%q is not an address such as :3000 or 127.0.0.1:3000", value)
}

func (c *checker) origin(field, value string) {
	if value == "*" || value == "null" {
		return
	}
	u, err := url.Parse(value)
	c.that(err == nil && u.Scheme != "" && u.Host != "" && u.Path == "" && u.RawQuery == "" && u.User == nil,
		field, "%q is not an origin such as https://app.example.com (scheme and host, nothing behind), nor *", value)
}
