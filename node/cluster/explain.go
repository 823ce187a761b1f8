package cluster

import (
	"chorus/node/config"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/redis/go-redis/v9"
)

// redisError is an error of Redis and what to do about it.
type redisError struct {
	setting string // the key to look at
	advice  string
	err     error
	// lasting is whether only a person can end it: nothing is gained by trying again at once.
	lasting bool
}

func (e *redisError) Error() string {
	return fmt.Sprintf("%s (%s): %s: %s", e.setting, config.Variable(e.setting), e.advice, e.err)
}

func (e *redisError) Unwrap() error { return e.err }

// Explain adds to an error of Redis which setting it is about. Others come back as they are.
func Explain(err error, cfg *config.Config) error {
	var known *redisError
	if err == nil || errors.As(err, &known) {
		return err
	}
	lasting := func(setting, format string, args ...any) error {
		return &redisError{setting: setting, advice: fmt.Sprintf(format, args...), err: err, lasting: true}
	}
	if setting, advice := explainTLS(err); setting != "" {
		return lasting(setting, "%s", advice)
	}
	const url = "cluster.redis.url"
	text := err.Error()
	said := func(part string) bool { return strings.Contains(text, part) }
	_, moved := redis.IsMovedError(err)
	switch {
	case redis.IsAuthError(err):
		return lasting("cluster.redis.password", "Redis wants another user or password")
	case redis.IsPermissionError(err), said("NOPERM"):
		return lasting(url, "the user %s lacks a permission: grant what \"chorus check --redis-acl\" prints", redisUser(cfg))
	case moved, said("CROSSSLOT"), said("SELECT is not allowed in cluster mode"):
		return lasting(url, "this is a Redis Cluster: write redis+cluster://host1,host2,host3")
	case said("cluster support disabled"):
		return lasting(url, "this is not a Redis Cluster: write redis:// in place of redis+cluster://")
	case said("DB index is out of range"):
		return lasting(url, "Redis has no such database")
	case said("unknown command 'HSCAN'"), said("unknown command 'hscan'"), said("unknown command 'publish'"):
		return lasting(url, "Redis lacks a command that is needed: is this a Sentinel? Then write redis+sentinel://host1,host2,host3/MASTER")
	case said("all sentinels specified in configuration are unreachable") && errors.Is(err, redis.Nil):
		return lasting(url, "the Sentinels know no master of this name")
	case errors.Is(err, io.EOF):
		return &redisError{setting: url, advice: "the connection was closed at once: if Redis speaks TLS, write rediss:// in place of redis://", err: err}
	}
	return err
}

// explainTLS returns the setting behind an error of TLS, "" when it is none.
func explainTLS(err error) (setting, advice string) {
	var (
		unknown x509.UnknownAuthorityError
		name    x509.HostnameError
		invalid x509.CertificateInvalidError
		record  tls.RecordHeaderError
		op      *net.OpError
	)
	switch {
	case errors.As(err, &unknown):
		return keyRedisTLS + "ca_file", "the certificate of Redis is signed by an authority that is not trusted here"
	case errors.As(err, &name):
		return keyRedisTLS + "server_name", "the certificate of Redis is for another name"
	case errors.As(err, &invalid):
		return keyRedisTLS + "ca_file", "the certificate of Redis is not valid"
	case errors.As(err, &record):
		return "cluster.redis.url", "Redis does not speak TLS there: write redis:// in place of rediss://, or the port for TLS"
	case errors.As(err, &op) && op.Op == "remote error": // an alert of TLS
		return keyRedisTLS + "cert_file", "Redis refuses the certificate of this node, or wants one"
	}
	return "", ""
}

// lasting tells whether trying again at once gains nothing.
func lasting(err error) bool {
	var known *redisError
	return errors.As(err, &known) && known.lasting
}

// redisUser returns the user that this node is for Redis.
func redisUser(c *config.Config) string {
	if u, err := parseRedisURL(c.Cluster.Redis.URL); err == nil && c.Cluster.Redis.Username == "" && u.opts.Username != "" {
		return u.opts.Username
	}
	if c.Cluster.Redis.Username != "" {
		return c.Cluster.Redis.Username
	}
	return "default"
}

// checkRedis asks Redis whether it is what the configuration takes it for: of the right kind, new enough, and
// whether it permits what a node does. The errors are explained.
func checkRedis(ctx context.Context, client redis.UniversalClient, cfg *config.Config) error {
	err := checkVersion(ctx, client, cfg)
	if err == nil {
		err = checkPermissions(ctx, client, cfg)
	}
	return Explain(err, cfg)
}
