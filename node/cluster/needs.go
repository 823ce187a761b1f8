package cluster

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	"chorus/adapter/pubsub"
	hub "chorus/adapter/redis"
	"chorus/adapter/session"
	"chorus/adapter/sharded"
	"chorus/adapter/streams"
	"chorus/api"
	"chorus/api/webhook"
	"chorus/auth/limit"
	"chorus/auth/revocation"
	chatredis "chorus/chat/redis"
	"chorus/internal/acl"
	"chorus/node/config"
	"chorus/registry"

	"github.com/redis/go-redis/v9"
)

// redisNeeds returns what a node with this configuration runs on Redis: the reports of its parts, and nothing else.
func redisNeeds(c *config.Config) []acl.Command {
	prefix := c.Cluster.Redis.Prefix
	var needs []acl.Command
	switch c.AdapterName() {
	case config.AdapterSharded:
		needs = sharded.Needs(prefix)
	case config.AdapterStreams:
		needs = streams.Needs(streamsOptions(c, hub.Options{Prefix: prefix}))
		if c.Recovery.Enabled {
			needs = append(needs, session.Needs(session.Prefix(prefix))...)
		}
	default:
		needs = pubsub.Needs(prefix)
	}
	needs = append(needs, registry.Needs(prefix)...)
	needs = append(needs, chatredis.Needs(prefix)...)
	needs = append(needs, api.Needs(prefix)...)
	if len(c.Webhooks) > 0 {
		needs = append(needs, webhook.Needs(prefix)...)
	}
	if c.HasKeys() {
		needs = append(needs, revocation.Needs(prefix)...)
		if c.Auth.MaxConnections > 0 {
			needs = append(needs, limit.Needs(prefix)...)
		}
	}
	return needs
}

// connectionNeeds returns what the client of go-redis runs by itself, and this package when a node starts.
func connectionNeeds(c *config.Config) []acl.Command {
	needs := acl.Plain("hello", "auth", "client|setname", "select", "info")
	if u, err := parseRedisURL(c.Cluster.Redis.URL); err == nil && u.kind == redisCluster {
		needs = append(needs, acl.Plain("command", "cluster|slots", "cluster|shards", "readonly", "asking")...)
	}
	return needs
}

// ACL returns the command that lets a user do on Redis what a node does, and nothing else; the password is
// a placeholder. Redis compares the pattern of a PSUBSCRIBE with those of the user letter by letter, so that
// with the pubsub adapter each further namespace of a program needs one as "/" has.
func ACL(cfg config.Config) string {
	user := redisUser(&cfg)
	if user == "default" {
		user = "chorus"
	}
	line := []string{"ACL SETUSER", user, "on", ">PASSWORD", "resetchannels", "resetkeys", "-@all"}
	return strings.Join(append(line, acl.Rules(append(connectionNeeds(&cfg), redisNeeds(&cfg)...))...), " ")
}

// permissionScript returns which of the commands in ARGV[1] the user may not run, the first of them. Redis 7 has
// a function that tells without running anything.
var permissionScript = redis.NewScript(`
if not redis.acl_check_cmd then return false end
for i, command in ipairs(cjson.decode(ARGV[1])) do
	local known, permitted = pcall(redis.acl_check_cmd, unpack(command))
	if known and not permitted then return i end
end
return false
`)

// checkPermissions returns an error that names the first command that the user of this node may not run. With
// a Redis older than 7, and for a user who may not even run EVAL, it says nothing: then the command itself does.
func checkPermissions(ctx context.Context, client redis.UniversalClient, cfg *config.Config) error {
	needs := redisNeeds(cfg)
	commands := make([][]string, len(needs))
	for i, need := range needs {
		commands[i] = need.Words()
	}
	list, err := json.Marshal(commands)
	if err != nil {
		return err
	}
	key := "{" + cfg.Cluster.Redis.Prefix + "-auth}:revocations" // one that the node has, for the sake of permissions on keys
	n, err := permissionScript.Eval(ctx, client, []string{key}, list).Int()
	switch {
	case redis.IsPermissionError(err) && (cfg.HasKeys() || cfg.Recovery.Enabled):
		if strings.Contains(err.Error(), " command") {
			return err // it names the command, which may be one before EVAL
		}
		return fmt.Errorf("EVAL: %w", err)
	case err != nil || n < 1 || n > len(needs):
		return nil //nolint:nilerr // it is a courtesy: what is not permitted fails by itself, with less of a name
	}
	command, _, _ := strings.Cut(needs[n-1].Name, "|")
	return &redisError{
		setting: "cluster.redis.url",
		advice:  fmt.Sprintf("the user %s may not run %s: grant what \"chorus check --redis-acl\" prints", redisUser(cfg), strings.ToUpper(command)),
		err:     fmt.Errorf("NOPERM %s", strings.Join(commands[n-1], " ")),
		lasting: true,
	}
}
