package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strings"
	"time"

	"chorus/internal/redisconn"
	"chorus/node/config"

	"github.com/redis/go-redis/v9"
)

// dialTimeout is short: while Redis is away, each attempt that hangs delays the return.
const dialTimeout = time.Second

// redisOptions are those of every connection to the Redis of the cluster. Errors name the setting.
func redisOptions(c *config.RedisConfig) (*redisURL, error) {
	u, err := parseRedisURL(c.URL)
	if err != nil {
		return nil, &settingError{"cluster.redis.url", err}
	}
	o := u.opts
	if c.Username != "" {
		o.Username = c.Username
	}
	if c.Password != "" {
		o.Password = c.Password
	}
	switch {
	case o.Username != "" && o.Password == "":
		return nil, &settingError{"cluster.redis.password", errors.New("there is a user name without a password")}
	case u.kind != redisSentinel && (c.SentinelUsername != "" || c.SentinelPassword != ""):
		return nil, &settingError{"cluster.redis.sentinel_password", errors.New("cluster.redis.url names no Sentinels: write redis+sentinel://host1,host2,host3/MASTER")}
	case c.SentinelUsername != "" && c.SentinelPassword == "":
		return nil, &settingError{"cluster.redis.sentinel_password", errors.New("there is a user name of the Sentinels without a password")}
	}
	if o.TLSConfig, err = applyTLS(&c.TLS, o.TLSConfig); err != nil {
		return nil, err
	}
	o.DialTimeout = dialTimeout
	o.DialerRetries = 1 // who dials comes again by itself, at its own pace
	o.ContextTimeoutEnabled = true
	o.MaxRetries = -1 // the adapter has its own back-off
	o.Dialer = redisconn.LimitReplies(redis.NewDialer(o))
	o.OnConnect = nameConnection
	o.DisableIdentity = true // it would be one more command to permit
	o.Protocol = 2           // with 3 the client looks for push notifications before each message
	return u, nil
}

// Validate checks the address of Redis and what goes with it.
func Validate(cfg *config.Config) error {
	if cfg.Cluster.Redis.URL == "" {
		return nil
	}
	_, err := redisOptions(&cfg.Cluster.Redis)
	var setting *settingError
	if errors.As(err, &setting) {
		return cfg.Fault(setting.key, setting.err)
	}
	return err
}

// nameConnection tells Redis who has connected, for people. A Redis that does not permit it, or calls CLIENT otherwise,
// does as well.
func nameConnection(ctx context.Context, connection *redis.Conn) error {
	_ = connection.ClientSetName(ctx, "chorus").Err()
	return nil
}

// NewClient returns a client of the Redis of the cluster, whatever its kind, and where that is.
func NewClient(cfg config.Config, log *slog.Logger) (client redis.UniversalClient, where string, err error) {
	u, err := redisOptions(&cfg.Cluster.Redis)
	if err != nil {
		return nil, "", fmt.Errorf("%w: %w", config.ErrConfig, err)
	}
	if log != nil {
		redis.SetLogger(goRedisLog{log})
	}
	o, where := u.opts, strings.Join(u.hosts, ", ")
	switch u.kind {
	case redisSentinel:
		return redis.NewFailoverClient(&redis.FailoverOptions{
			MasterName: u.master, SentinelAddrs: u.hosts,
			SentinelUsername: cfg.Cluster.Redis.SentinelUsername, SentinelPassword: cfg.Cluster.Redis.SentinelPassword,
			Username: o.Username, Password: o.Password, DB: o.DB, TLSConfig: o.TLSConfig,
			DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries, ContextTimeoutEnabled: true, MaxRetries: o.MaxRetries,
			Dialer: o.Dialer, OnConnect: o.OnConnect, DisableIdentity: true, Protocol: o.Protocol,
		}), fmt.Sprintf("%s (master %q of the Sentinels there)", where, u.master), nil
	case redisCluster:
		return redis.NewClusterClient(&redis.ClusterOptions{
			Addrs: u.hosts, Username: o.Username, Password: o.Password, TLSConfig: o.TLSConfig,
			DialTimeout: o.DialTimeout, DialerRetries: o.DialerRetries, ContextTimeoutEnabled: true, MaxRetries: o.MaxRetries,
			Dialer: o.Dialer, OnConnect: o.OnConnect, DisableIdentity: true, Protocol: o.Protocol,
			ClusterStateReloadInterval: clusterReload,
		}), where, nil
	default:
		return redis.NewClient(o), where, nil
	}
}

// clusterReload is how often is looked where the masters of a Redis Cluster are, while nothing goes wrong.
const clusterReload = 10 * time.Second

// goRedisLog has what go-redis itself logs go where the log of the node goes. It is mostly about attempts to
// connect, which the adapter reports once for each outage.
type goRedisLog struct{ log *slog.Logger }

// Printf implements the logger of go-redis.
func (l goRedisLog) Printf(ctx context.Context, format string, args ...any) {
	if l.log.Enabled(ctx, slog.LevelDebug) {
		l.log.LogAttrs(ctx, slog.LevelDebug, "go-redis", slog.String("said", fmt.Sprintf(format, args...)))
	}
}
