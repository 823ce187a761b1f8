package node_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"chorus/auth/revocation"
	"chorus/chat"
	"chorus/internal/redistest"
	"chorus/node"
	"chorus/node/config"
)

// on returns a configuration for the Redis at a URL.
func on(url string) node.Config {
	cfg := valid()
	cfg.Cluster.Redis.URL = url
	cfg.Limits.Events.Rate, cfg.Limits.Subject.Events.Rate = config.Rate{}, config.Rate{} // tests send faster than people do
	return cfg
}

// twoNodesTalk has two nodes carry a message.
func twoNodesTalk(t *testing.T, cfg node.Config) (a, b *running) {
	t.Helper()
	a, b = run(t, cfg), run(t, cfg)
	alice, bob := join(t, a.addr, token(t)), join(t, b.addr, token(t))
	alice.send(`421["message","hi"]`)
	bob.await(`42["message","hi"`)
	if got := alice.await("431"); got != `431[{"ok":true}]` {
		t.Errorf("acknowledged with %s", got)
	}
	return a, b
}

func TestKindsOfRedis(t *testing.T) {
	t.Run("unix socket, password, database", func(t *testing.T) {
		server := redistest.Start(t, redistest.Options{Password: "hunter2"})
		cfg := on("unix://" + server.Socket() + "?db=1")
		cfg.Cluster.Redis.Password = "hunter2"
		twoNodesTalk(t, cfg)
	})
	t.Run("TLS with a client certificate", func(t *testing.T) {
		certificates := redistest.NewCertificates(t)
		server := redistest.Start(t, redistest.Options{TLS: certificates})
		cfg := on("rediss://" + server.Addr)
		cfg.Cluster.Redis.TLS = node.RedisTLSConfig{CAFile: certificates.CA, CertFile: certificates.Cert, KeyFile: certificates.Key}
		twoNodesTalk(t, cfg)
	})
}

func TestRedisCluster(t *testing.T) {
	cluster := redistest.StartCluster(t)
	t.Run("as one server", func(t *testing.T) {
		wantStartError(t, on("redis://"+cluster.Servers[0].Addr), "redis+cluster://")
	})
}

// TestSentinels: revocations outlive a failover, and what is wrong with the address is said.
func TestSentinels(t *testing.T) {
	sentinels := redistest.StartSentinels(t, "hunter2")
	cfg := on("redis+sentinel://:hunter2@" + strings.Join(sentinels.Addrs, ",") + "/" + redistest.MasterName)
	_, b := twoNodesTalk(t, cfg)
	bob := join(t, b.addr, token(t))
	revocations, closeAll, err := node.OpenRevocations(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(context.Background()) //nolint:errcheck // only the test depends on it
	sentinels.FailOver()
	eventually(t, "a revocation is stored on the new master", func() bool {
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		return revocations.Revoke(ctx, revocationOf("alice")) == nil
	})
	bob.await(`42["token:revoked"`)

	t.Run("a name that no Sentinel knows", func(t *testing.T) {
		cfg.Cluster.Redis.URL = "redis+sentinel://:hunter2@" + strings.Join(sentinels.Addrs, ",") + "/nobody"
		wantStartError(t, cfg, "know no master of this name")
	})
	t.Run("a Sentinel as one server", func(t *testing.T) {
		wantStartError(t, on("redis://"+sentinels.Addrs[0]), "redis+sentinel://")
	})
}

// TestStartErrorsNameTheSetting: what only a person can put right is said at once.
func TestStartErrorsNameTheSetting(t *testing.T) {
	certificates, others := redistest.NewCertificates(t), redistest.NewCertificates(t)
	secure := redistest.Start(t, redistest.Options{TLS: certificates})
	plain := redistest.Start(t, redistest.Options{})
	closed := redistest.Start(t, redistest.Options{Password: "hunter2"})
	tls := func(ca, cert string) node.Config {
		cfg := on("rediss://" + secure.Addr)
		cfg.Cluster.Redis.TLS.CAFile = ca
		if cert != "" {
			cfg.Cluster.Redis.TLS.CertFile, cfg.Cluster.Redis.TLS.KeyFile = cert, strings.Replace(cert, "cert.pem", "key.pem", 1)
		}
		return cfg
	}
	named := tls(certificates.CA, certificates.Cert)
	named.Cluster.Redis.TLS.ServerName = "redis.example"
	lacking := func(rules ...string) node.Config {
		cfg := on("redis://chorus:hunter2@" + plain.Addr)
		cfg.Auth.MaxConnections = 5
		user := strings.NewReplacer("+", "", "-", "", "@", "", "&", "", "~", "", "|", "").Replace(strings.Join(rules, ""))
		cfg.Cluster.Redis.URL = "redis://" + user + ":hunter2@" + plain.Addr
		permit(plain, node.RedisACL(cfg), rules...)
		return cfg
	}
	for _, test := range []struct {
		name string
		cfg  node.Config
		want []string
	}{
		{"wrong CA", tls(others.CA, certificates.Cert), []string{"cluster.redis.tls.ca_file", "authority"}},
		{"CAs of the system", tls("", certificates.Cert), []string{"cluster.redis.tls.ca_file"}},
		{"no client certificate", tls(certificates.CA, ""), []string{"cluster.redis.tls.cert_file"}},
		{"client certificate of others", tls(certificates.CA, others.Cert), []string{"cluster.redis.tls.cert_file"}},
		{"another name", named, []string{"cluster.redis.tls.server_name", "redis.example"}},
		{"TLS to a port without", on("rediss://" + plain.Addr), []string{"if there is no TLS, write redis://"}},
		{"plain to a port with TLS", on("redis://" + secure.Addr), []string{"cluster.redis.url"}},
		{"no password", on("redis://" + closed.Addr), []string{"cluster.redis.password", "CHORUS_CLUSTER_REDIS_PASSWORD", "NOAUTH"}},
		{"wrong password", on("redis://:wrong@" + closed.Addr), []string{"cluster.redis.password", "WRONGPASS"}},
		{"no such database", on("redis://" + plain.Addr + "/99"), []string{"cluster.redis.url", "no such database"}},
		{"cluster that is none", on("redis+cluster://" + plain.Addr), []string{"cluster.redis.url", "not a Redis Cluster"}},
		{"may not use the channels", lacking("resetchannels"), []string{"may not run PSUBSCRIBE", "socket.io#/#*"}},
		{"may not use the keys", lacking("resetkeys"), []string{"NOPERM", "chorus check --redis-acl"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			err := wantStartError(t, test.cfg, test.want...)
			if waits := strings.Contains(test.name, "to a port with"); !waits && strings.Contains(err.Error(), "no answer from Redis") {
				t.Errorf("it waited until the time was over: %v", err)
			}
		})
	}
}

func TestBadRedisSettings(t *testing.T) {
	t.Parallel()
	certificates := redistest.NewCertificates(t)
	for _, test := range []struct {
		name   string
		change func(*node.RedisConfig)
		want   string
	}{
		{"TLS without TLS", func(c *node.RedisConfig) { c.TLS.CAFile = certificates.CA }, "cluster.redis.tls.ca_file: it is for TLS"},
		{"no such CA", func(c *node.RedisConfig) { c.URL, c.TLS.CAFile = "rediss://a", "/nowhere.pem" }, "cluster.redis.tls.ca_file: no such file or directory"},
		{"a CA that is none", func(c *node.RedisConfig) { c.URL, c.TLS.CAFile = "rediss://a", certificates.Key }, "cluster.redis.tls.ca_file: " + certificates.Key},
		{"half a pair", func(c *node.RedisConfig) { c.URL, c.TLS.CertFile = "rediss://a", certificates.Cert }, "cluster.redis.tls.cert_file"},
		{"a pair of two", func(c *node.RedisConfig) {
			c.URL, c.TLS.CertFile, c.TLS.KeyFile = "rediss://a", certificates.Cert, redistest.NewCertificates(t).Key
		}, "cluster.redis.tls.key_file"},
		{"a user without a password", func(c *node.RedisConfig) { c.Username = "u" }, "cluster.redis.password"},
		{"Sentinels that are none", func(c *node.RedisConfig) { c.SentinelPassword = "hunter2" }, "cluster.redis.sentinel_password"},
		{"no master", func(c *node.RedisConfig) { c.URL = "redis+sentinel://a" }, "cluster.redis.url: the name of the master"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cfg := on("redis://localhost")
			test.change(&cfg.Cluster.Redis)
			_, err := node.New(cfg)
			if !errors.Is(err, node.ErrConfig) || !strings.Contains(err.Error(), test.want) || strings.Contains(err.Error(), "hunter2") {
				t.Errorf("got %v, want %q", err, test.want)
			}
		})
	}
}

// TestPubSubThatDoesNotDeliver: connections are open and PING is answered, and nothing that is published arrives.
func TestPubSubThatDoesNotDeliver(t *testing.T) {
	server := redistest.Start(t, redistest.Options{})
	cfg := on("redis://" + server.Addr)
	cfg.Cluster.Announce = true
	n := run(t, cfg)
	alice := join(t, n.addr, token(t))
	server.MustDo("client", "pause", "60000", "write")
	eventually(t, "the node is not ready", func() bool {
		status, body := get(t, "http://"+n.addr+"/readyz")
		return status == 503 && strings.Contains(body, "does not come back")
	})
	if got := alice.await(`42["cluster:degraded"`); !strings.Contains(got, chat.CodeClusterUnavailable) {
		t.Errorf("told %s", got)
	}
	join(t, n.addr, token(t)).await(`42["cluster:degraded"`) // who comes now is told as well
	server.MustDo("client", "unpause")
	if got := alice.await(`42["cluster:restored"`); !strings.Contains(got, "seconds") {
		t.Errorf("told %s", got)
	}
	if status, body := get(t, "http://"+n.addr+"/readyz"); status != 200 {
		t.Errorf("%d %s", status, body)
	}
}

func revocationOf(subject string) revocation.Revocation {
	return revocation.Revocation{Subject: subject, Until: revocation.Forever}
}
