package node

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"strings"
	"time"

	"chorus/auth"

	"github.com/redis/go-redis/v9"
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
	check.that(c.MaxConnections >= 1, "max_connections", "%d is not positive", c.MaxConnections)
	check.that(c.MaxConnectionsPerAddress >= 0, "max_connections_per_address", "%d is negative: 0 stands for no limit", c.MaxConnectionsPerAddress)
	check.that(c.MinHeap >= 0, "min_heap", "%d is negative: 0 leaves the runtime alone", c.MinHeap)
	for _, origin := range c.CORS.Origins {
		check.origin("cors.origins", origin)
	}
	c.validateAuth(check)
	c.validateCluster(check)
	_, err := parseLevel(c.Log.Level)
	check.that(err == nil, "log.level", "%q is not debug, info, warn or error", c.Log.Level)
	check.oneOf("log.format", c.Log.Format, "text", "json")
	return errors.Join(check.errs...)
}

func (c *Config) validateAuth(check *checker) {
	check.oneOf("auth.mode", c.Auth.Mode, string(auth.ModeHandshake), string(auth.ModeEvent), string(auth.ModeBoth))
	check.positive("auth.event_timeout", c.Auth.EventTimeout)
	check.that(c.Auth.Leeway >= 0 && c.Auth.Leeway <= auth.MaxLeeway, "auth.leeway", "%s is not between 0s and %s", c.Auth.Leeway, auth.MaxLeeway)
	if len(c.Secrets()) == 0 {
		check.that(c.Insecure, "auth.secret", "no key: without one, nobody could be told from anybody. "+
			"Set CHORUS_AUTH_SECRET to the secret that your tokens are signed with, at least 32 bytes "+
			"(a new one: openssl rand -base64 48), or start with --insecure to let everybody in")
		return
	}
	opts := c.verifierOptions()
	if err := opts.Validate(); err != nil {
		check.that(false, fieldOf(err), "%w", err)
	}
}

// fieldOf returns the key of what auth.Options.Validate refuses.
func fieldOf(err error) string {
	switch {
	case errors.Is(err, auth.ErrBadSecret):
		return "auth.secret, auth.secrets"
	case errors.Is(err, auth.ErrUnknownAlgorithm):
		return "auth.algorithms"
	default: // the leeway is checked before
		return "auth.audience"
	}
}

func (c *Config) validateCluster(check *checker) {
	check.oneOf("cluster.adapter", c.Cluster.Adapter, "", AdapterMemory, AdapterPubSub)
	check.that(c.adapterName() != AdapterPubSub || c.Cluster.Redis.URL != "",
		"cluster.redis.url", "the %s adapter needs it, as redis://localhost:6379", AdapterPubSub)
	if c.Cluster.Redis.URL != "" {
		_, err := redis.ParseURL(c.Cluster.Redis.URL)
		// The error must not repeat the address, which may hold a password.
		check.that(err == nil, "cluster.redis.url", "this is not an address such as redis://user:password@host:6379/0")
	}
	check.that(c.Cluster.Redis.Prefix != "", "cluster.redis.prefix", "it must not be empty")
}

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

// Secrets returns all HMAC secrets.
func (c *Config) Secrets() []string {
	if c.Auth.Secret == "" {
		return c.Auth.Secrets
	}
	return append([]string{c.Auth.Secret}, c.Auth.Secrets...)
}

func (c *Config) verifierOptions() auth.Options {
	leeway := c.Auth.Leeway
	if leeway == 0 {
		leeway = -1 // auth.Options: zero stands for the default, negative for none
	}
	return auth.Options{
		Secrets:           c.Secrets(),
		AllowShortSecrets: c.Insecure,
		Algorithms:        c.Auth.Algorithms,
		Issuer:            c.Auth.Issuer,
		Audience:          c.Auth.Audience,
		Leeway:            leeway,
		AllowMissingExp:   !c.Auth.RequireExp,
	}
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
	if u, err := url.Parse(c.Cluster.Redis.URL); err != nil {
		shown.Cluster.Redis.URL = hidden
	} else {
		shown.Cluster.Redis.URL = u.Redacted()
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
