package node_test

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"testing"
	"time"

	"chorus/auth/limit"
	"chorus/internal/redistest"
	"chorus/node"
	"chorus/node/config"

	"github.com/zishang520/socket.io/servers/socket/v3"
	"golang.org/x/sync/errgroup"
)

// permit runs an ACL SETUSER command, and further rules.
func permit(server *redistest.Server, line string, more ...string) {
	var args []any
	for _, word := range append(strings.Fields(strings.Replace(line, ">PASSWORD", ">hunter2", 1)), more...) {
		args = append(args, word)
	}
	server.MustDo(args...)
}

// streamsOnShards is the adapter with streams whose channels are on shards.
const streamsOnShards = "streams-on-shards"

// all returns a configuration for the Redis at a URL with everything on that needs permissions.
func all(url, adapter string) node.Config {
	cfg := on(url)
	if cfg.Cluster.Adapter = adapter; adapter == streamsOnShards {
		cfg.Cluster.Adapter, cfg.Cluster.Streams.ShardedPubSub = node.AdapterStreams, true
	}
	cfg.Auth.MaxConnections, cfg.Auth.MaxConnectionsPolicy = 5, string(limit.PolicyCloseOldest)
	cfg.Recovery.Enabled = cfg.Cluster.Adapter == node.AdapterStreams
	cfg.Webhooks = []config.WebhookConfig{{
		Name: "crm", URL: "http://127.0.0.1:9/", Secrets: []string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}, Events: []string{"*"},
		Batch: 1, Timeout: time.Second, RetryFor: time.Hour, MaxBacklog: 1000, MaxBytes: 1 << 20,
	}}
	return cfg
}

// TestLeastPermissions: a user with what "chorus check --redis-acl" prints is refused nothing, whatever clients and
// programs do.
func TestLeastPermissions(t *testing.T) {
	cluster := redistest.StartCluster(t)
	for _, name := range []string{node.AdapterPubSub, node.AdapterSharded, node.AdapterStreams, streamsOnShards} {
		for _, test := range []struct {
			name, url string
			servers   []*redistest.Server
		}{
			{"one server", "redis://chorus:hunter2@", []*redistest.Server{redistest.Start(t, redistest.Options{})}},
			{"Redis Cluster", "redis+cluster://chorus:hunter2@", cluster.Servers},
		} {
			t.Run(name+", "+test.name, func(t *testing.T) {
				var addrs []string
				for _, server := range test.servers {
					addrs = append(addrs, server.Addr)
				}
				cfg := all(test.url+strings.Join(addrs, ","), name)
				cfg.Cluster.Redis.Prefix = name    // nothing is outside of it
				t.Run("data", func(t *testing.T) { // which Redis holds when the others start
					without := cfg
					without.Recovery.Enabled = false
					for _, server := range test.servers {
						permit(server, node.RedisACL(without))
					}
					twoNodesTalk(t, without)
				})
				for _, server := range test.servers {
					permit(server, node.RedisACL(cfg))
				}
				useEverything(t, cfg)
				for _, server := range test.servers {
					admin := server.Admin()
					defer admin.Close() //nolint:errcheck // only the test depends on it
					if refused, err := admin.ACLLog(t.Context(), 10).Result(); err != nil || len(refused) > 0 {
						t.Errorf("refused: %+v, %v", refused, err)
					}
				}
			})
		}
	}
}

// useEverything has two nodes do all that they do with Redis, and an emitter.
func useEverything(t *testing.T, cfg node.Config) {
	t.Helper()
	a, b := twoNodesTalk(t, cfg)
	bob := join(t, b.addr, token(t))

	answers := make(chan []any, 1)
	if err := b.IO().Sockets().On("ask", func(args ...any) { args[0].(socket.Ack)([]any{"answer"}, nil) }); err != nil {
		t.Fatal(err)
	}
	if err := a.IO().ServerSideEmit("ask", func(values []any, err error) {
		if err != nil {
			t.Error(err)
		}
		answers <- values
	}); err != nil {
		t.Fatal(err)
	}
	if got := <-answers; len(got) != 1 || got[0] != "answer" {
		t.Errorf("answered %v", got)
	}
	fetched := make(chan int, 1)
	a.IO().FetchSockets()(func(sockets []*socket.RemoteSocket, err error) {
		if err != nil {
			t.Error(err)
		}
		fetched <- len(sockets)
	})
	if n := <-fetched; n != 3 {
		t.Errorf("fetched %d sockets, want 3", n)
	}
	a.IO().Of("/", nil).In("nobody").SocketsJoin("x")

	if cfg.Recovery.Enabled {
		comeBack(t, a, b)
	}

	e, closeEmitter, err := node.OpenEmitter(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeEmitter() //nolint:errcheck // only the test depends on it
	if err := e.Emit(t.Context(), "message", "from outside"); err != nil {
		t.Fatal(err)
	}
	bob.await(`42["message","from outside"`)

	for range cfg.Auth.MaxConnections { // one connection more than the subject may have, and another for the recovered one
		join(t, a.addr, token(t))
	}
	bob.awaitClose()

	revocations, closeAll, err := node.OpenRevocations(cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer closeAll(context.Background()) //nolint:errcheck // only the test depends on it
	carol := join(t, b.addr, token(t))
	if err := revocations.Revoke(t.Context(), revocationOf("alice")); err != nil {
		t.Fatal(err)
	}
	carol.await(`42["token:revoked"`)
}

// comeBack has a client lose its connection to a node and get its session and what it has missed on another.
func comeBack(t *testing.T, from, to *running) {
	t.Helper()
	client, other := dial(t, from.addr), join(t, to.addr, token(t))
	client.send(`40{"token":"` + token(t) + `"}`)
	var session struct{ Sid, Pid string }
	if err := json.Unmarshal([]byte(client.await("40{")[2:]), &session); err != nil || session.Pid == "" {
		t.Fatalf("no session: %+v, %v", session, err)
	}
	other.send(`42["message","seen"]`)
	var seen []string
	if err := json.Unmarshal([]byte(client.await(`42["message","seen"`)[2:]), &seen); err != nil || len(seen) != 3 {
		t.Fatalf("no offset: %q, %v", seen, err)
	}
	_ = client.ws.Close()
	eventually(t, "the session is kept", func() bool {
		_, there := from.IO().Sockets().Sockets().Load(socket.SocketId(session.Sid))
		return !there
	})
	other.send(`42["message","missed"]`)
	other.await(`42["message","missed"`)
	again := dial(t, to.addr)
	again.send(`40{"token":"` + token(t) + `","pid":"` + session.Pid + `","offset":"` + seen[2] + `"}`)
	if got := again.await("40{"); !strings.Contains(got, session.Sid) {
		t.Errorf("the session is another one: %s", got)
	}
	again.await(`42["message","missed"`)
	_ = again.ws.Close()
	_ = other.ws.Close()
}

// TestClustersShareARedis: clusters with different prefixes have nothing to do with each other.
func TestClustersShareARedis(t *testing.T) {
	for _, name := range []string{node.AdapterPubSub, node.AdapterSharded, node.AdapterStreams, streamsOnShards} {
		t.Run(name, func(t *testing.T) {
			server := redistest.Start(t, redistest.Options{})
			red, blue := all("redis://"+server.Addr, name), all("redis://"+server.Addr, name)
			blue.Cluster.Redis.Prefix = "blue"
			red.Auth.MaxConnections, blue.Auth.MaxConnections = 1, 1
			a, b := run(t, red), run(t, blue)
			alice, bob := join(t, a.addr, token(t)), join(t, b.addr, token(t)) // the same subject, once in each
			if got := alice.ask(`["message","red"]`); got != accepted {
				t.Errorf("acknowledged with %s", got)
			}
			e, closeEmitter, err := node.OpenEmitter(t.Context(), red)
			if err != nil {
				t.Fatal(err)
			}
			defer closeEmitter() //nolint:errcheck // only the test depends on it
			if err := e.Emit(t.Context(), "message", "red, too"); err != nil {
				t.Fatal(err)
			}
			alice.await(`42["message","red, too"`)
			revocations, closeAll, err := node.OpenRevocations(red)
			if err != nil {
				t.Fatal(err)
			}
			defer closeAll(context.Background()) //nolint:errcheck // only the test depends on it
			if err := revocations.Revoke(t.Context(), revocationOf("alice")); err != nil {
				t.Fatal(err)
			}
			alice.await(`42["token:revoked"`)
			bob.send(`42["message","blue"]`)
			if got := bob.await("4"); !strings.HasPrefix(got, `42["message","blue"`) {
				t.Errorf("the other cluster heard %s", got)
			}
		})
	}
}

// TestMissingPermission: whatever a user may not do, the error at the start of a node names the command.
func TestMissingPermission(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	var starts errgroup.Group
	starts.SetLimit(16) // a start that fails waits more than it works
	users := 0
	for _, adapter := range []string{node.AdapterPubSub, node.AdapterSharded, node.AdapterStreams, streamsOnShards} {
		cfg := all("redis://chorus:hunter2@"+server.Addr, adapter)
		acl := node.RedisACL(cfg)
		for _, word := range strings.Fields(acl) {
			command, granted := strings.CutPrefix(word, "+")
			switch {
			case !granted, command == "info": // without which the version is not known
				continue
			case command == "client|setname": // see TestRedisWithoutClient
				continue
			case command == "auth", command == "hello", command == "select": // Redis asks for no permission for the first two; the third is for another database
				continue
			}
			users++
			user := fmt.Sprintf("chorus%d", users)
			permit(server, strings.Replace(acl, "SETUSER chorus ", "SETUSER "+user+" ", 1), "-"+command)
			cfg := all("redis://"+user+":hunter2@"+server.Addr, adapter)
			starts.Go(func() error {
				name, _, _ := strings.Cut(command, "|")
				if name = strings.ToUpper(name); name == "EVAL" {
					name = "'" + command + "'" // as Redis says it: without these the node cannot ask
				}
				t.Logf("%s without %s", adapter, command)
				wantStartError(t, cfg, name, "chorus check --redis-acl")
				return nil
			})
		}
	}
	_ = starts.Wait() // none returns an error
	if users == 0 {
		t.Error("nothing was tried")
	}
}

// TestRedisWithoutClient: a node gives its connections a name where it may, and starts all the same.
func TestRedisWithoutClient(t *testing.T) {
	t.Parallel()
	server := redistest.Start(t, redistest.Options{})
	for _, name := range []string{node.AdapterPubSub, node.AdapterSharded, node.AdapterStreams} {
		cfg := all("redis://chorus:hunter2@"+server.Addr, name)
		permit(server, node.RedisACL(cfg), "-client")
		twoNodesTalk(t, cfg)
	}
}

// TestDocumentedACL: the command in docs/redis.md is that of the defaults, and for a secret.
func TestDocumentedACL(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../docs/redis.md")
	if err != nil {
		t.Fatal(err)
	}
	cfg := on("redis://localhost")
	if line := node.RedisACL(cfg); !strings.Contains(string(text), "\n"+line+"\n") {
		t.Errorf("docs/redis.md lacks this line:\n%s", line)
	}
}
