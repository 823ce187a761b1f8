package node

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"chorus/adapter"

	"github.com/redis/go-redis/v9"
)

// Oldest versions of Redis that an adapter works with.
const (
	minRedis        = "6.2"
	minRedisSharded = "7.0" // SPUBLISH, SSUBSCRIBE
)

// minVersion returns the oldest Redis for the adapter of the configuration.
func minVersion(c *Config) string {
	if name := c.AdapterName(); name == AdapterSharded || name == AdapterStreams && c.Cluster.Streams.ShardedPubSub {
		return minRedisSharded
	}
	return minRedis
}

// checkVersion returns an error when Redis is too old or of another kind than the address says. What cannot be
// told, because INFO is not permitted or is something else's, passes.
func checkVersion(ctx context.Context, client redis.UniversalClient, cfg *Config) error {
	text, err := client.Info(ctx, "server").Result()
	if err != nil {
		if redis.IsPermissionError(err) || strings.Contains(err.Error(), "is not supported") { // the latter is miniredis
			return nil
		}
		return err
	}
	info := make(map[string]string)
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		info[name] = value
	}
	wrong := func(advice string, err error) error {
		return &redisError{setting: "cluster.redis.url", advice: advice, err: err, lasting: true}
	}
	_, isCluster := client.(*redis.ClusterClient)
	switch mode := info["redis_mode"]; {
	case mode == "cluster" && !isCluster:
		return wrong("write redis+cluster://host1,host2,host3", errors.New("this is a Redis Cluster"))
	case mode == "sentinel":
		return wrong("write redis+sentinel://host1,host2,host3/MASTER", errors.New("this is a Sentinel"))
	}
	if version, oldest := info["redis_version"], minVersion(cfg); version != "" && older(version, oldest) {
		return wrong(fmt.Sprintf("the %s adapter needs Redis %s or later", cfg.AdapterName(), oldest), fmt.Errorf("this is Redis %s", version))
	}
	return nil
}

// older compares versions such as 6.2.14 and 7.0.
func older(version, than string) bool {
	a, b := strings.Split(version, "."), strings.Split(than, ".")
	for i := range b {
		if i == len(a) {
			return true
		}
		m, errM := strconv.Atoi(a[i])
		n, errN := strconv.Atoi(b[i])
		if errM != nil || errN != nil || m > n {
			return false
		}
		if m < n {
			return true
		}
	}
	return false
}

// permission is a command that a node runs, with arguments as it has them.
type permission struct {
	command string
	args    []string
}

// redisNeeds are the commands that the adapter and package auth run on keys and channels.
func redisNeeds(c *Config) []permission {
	prefix := c.Cluster.Redis.Prefix
	main := prefix + "#/#"
	needs := []permission{{"ping", nil}}
	plain := []permission{{"subscribe", []string{main}}, {"unsubscribe", []string{main}}, {"publish", []string{main, ""}}, {"pubsub", []string{"numsub", main}}}
	shards := []permission{{"spublish", []string{main, ""}}, {"ssubscribe", []string{main}}, {"sunsubscribe", []string{main}}, {"pubsub", []string{"shardnumsub", main}}}
	switch c.AdapterName() {
	case AdapterSharded:
		needs = append(needs, shards...)
	case AdapterStreams:
		stream := cmp.Or(c.Cluster.Streams.Name, prefix)
		if c.Cluster.Streams.Count > 1 {
			stream += "-0"
		}
		needs = append(needs,
			permission{"xadd", []string{stream, "*", "x", "x"}}, permission{"xread", []string{"streams", stream, "0"}},
			permission{"xadd", []string{adapter.ProbeKey(stream) + "#", "*", "n", "1"}}, permission{"pexpire", []string{adapter.ProbeKey(stream) + "#", "1"}},
			permission{"del", []string{adapter.ProbeKey(stream) + "#"}},
			permission{"multi", nil}, permission{"exec", nil}, permission{"xinfo", []string{"stream", stream}}, permission{"xrange", []string{stream, "-", "+"}})
		if c.Cluster.Streams.ShardedPubSub {
			needs = append(needs, shards...)
		} else {
			needs = append(needs, plain...)
		}
		if c.Recovery.Enabled {
			session := adapter.SessionPrefix(prefix) + "x"
			needs = append(needs,
				permission{"xrevrange", []string{stream, "+", "-"}}, permission{"get", []string{session}}, permission{"set", []string{session, "x"}}, permission{"del", []string{session}},
				permission{"eval", []string{"0", "1", session}})
		}
	default:
		needs = append(needs,
			permission{"psubscribe", []string{main + "*"}}, permission{"punsubscribe", []string{main + "*"}},
			permission{"subscribe", []string{prefix + "-request#/#"}}, permission{"unsubscribe", []string{prefix + "-request#/#"}},
			permission{"publish", []string{prefix + "-response#/#", ""}}, permission{"pubsub", []string{"numsub", main}})
	}
	needs = append(needs, permission{"publish", []string{prefix + "-probe#", ""}}, permission{"subscribe", []string{prefix + "-probe#"}})
	nodes := "{" + prefix + "-nodes}:leases"
	needs = append(needs, permission{"evalsha", []string{"0", "1", nodes}}, permission{"time", nil},
		permission{"zrange", []string{nodes, "0", "1"}}, permission{"zadd", []string{nodes, "0", "x"}}, permission{"zrangebyscore", []string{nodes, "0", "1"}},
		permission{"zrem", []string{nodes, "x"}}, permission{"zscore", []string{nodes, "x"}}, permission{"hget", []string{nodes, "x"}},
		permission{"hset", []string{nodes, "x", "x"}}, permission{"hsetnx", []string{nodes, "x", "x"}}, permission{"hdel", []string{nodes, "x"}},
		permission{"pexpire", []string{nodes, "1"}})
	needs = append(needs, chatNeeds(prefix)...)
	if !c.HasKeys() {
		return needs
	}
	key := "{" + prefix + "-auth}:revocations"
	needs = append(needs,
		permission{"subscribe", []string{prefix + "-auth"}}, permission{"publish", []string{prefix + "-auth", ""}},
		permission{"evalsha", []string{"0", "1", key}}, permission{"time", nil}, permission{"hscan", []string{key, "0"}}, permission{"hget", []string{key, "x"}},
		permission{"hset", []string{key, "x", "x"}}, permission{"hdel", []string{key, "x"}}, permission{"zadd", []string{key, "0", "x"}},
		permission{"zrangebyscore", []string{key, "0", "1"}}, permission{"zrem", []string{key, "x"}})
	if c.Auth.MaxConnections > 0 {
		key = "{" + prefix + "-auth}:nodes"
		needs = append(needs,
			permission{"zscore", []string{key, "x"}}, permission{"zcard", []string{key}}, permission{"zrange", []string{key, "0", "1"}},
			permission{"zremrangebyscore", []string{key, "0", "1"}}, permission{"pexpire", []string{key, "1"}})
	}
	return needs
}

// chatNeeds are the commands of the chat rooms.
func chatNeeds(prefix string) []permission {
	key, channel := prefix+"-chat:log:{%}", prefix+"-chat#"
	needs := []permission{{"subscribe", []string{channel}}, {"unsubscribe", []string{channel}}, {"publish", []string{channel, ""}}}
	for _, command := range []struct {
		name string
		args []string
	}{
		{"get", nil}, {"set", []string{"x"}}, {"del", nil}, {"pexpire", []string{"1"}}, {"pttl", nil}, {"persist", nil},
		{"hget", []string{"x"}}, {"hset", []string{"x", "x"}}, {"hmget", []string{"x"}}, {"hdel", []string{"x"}}, {"hexists", []string{"x"}},
		{"hlen", nil}, {"hkeys", nil}, {"hgetall", nil},
		{"zadd", []string{"0", "x"}}, {"zrem", []string{"x"}}, {"zcard", nil}, {"zscore", []string{"x"}}, {"zlexcount", []string{"-", "+"}},
		{"zrangebyscore", []string{"0", "1"}}, {"zrangebylex", []string{"-", "+"}}, {"zremrangebyscore", []string{"0", "1"}}, {"zremrangebylex", []string{"-", "+"}}, {"zremrangebyrank", []string{"0", "0"}},
		{"rpush", []string{"x"}}, {"lpush", []string{"x"}}, {"lpop", nil}, {"lindex", []string{"0"}}, {"llen", nil}, {"lrange", []string{"0", "1"}}, {"ltrim", []string{"0", "1"}},
		{"sadd", []string{"x"}}, {"srem", []string{"x"}}, {"scard", nil}, {"smembers", nil}, {"srandmember", nil}, {"spop", nil},
	} {
		needs = append(needs, permission{command.name, append([]string{key}, command.args...)})
	}
	return needs
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
func checkPermissions(ctx context.Context, client redis.UniversalClient, cfg *Config) error {
	needs := redisNeeds(cfg)
	commands := make([][]string, len(needs))
	for i, need := range needs {
		commands[i] = append([]string{need.command}, need.args...)
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
	need := needs[n-1]
	return &redisError{
		setting: "cluster.redis.url",
		advice:  fmt.Sprintf("the user %s may not run %s: grant what \"chorus check --redis-acl\" prints", redisUser(cfg), strings.ToUpper(need.command)),
		err:     fmt.Errorf("NOPERM %s", strings.Join(commands[n-1], " ")),
		lasting: true,
	}
}

// RedisACL returns the command that lets a user do on Redis what a node does, and nothing else; a password is
// to be put in. Redis compares the pattern of a PSUBSCRIBE with those of the user letter by letter, so that
// with the pubsub adapter each further namespace of a program needs one as "/" has.
func RedisACL(cfg Config) string {
	c := &cfg
	user := redisUser(c)
	if user == "default" {
		user = "chorus"
	}
	prefix := globOfACL.Replace(c.Cluster.Redis.Prefix)
	line := []string{
		"ACL SETUSER", user, "on", ">PASSWORD", "resetchannels", "resetkeys", "-@all",
		"~{" + prefix + "-auth}:*", "~{" + prefix + "-nodes}:*", "~" + prefix + "-chat:*", "&" + prefix + "#*", "&" + prefix + "-*",
	}
	switch c.AdapterName() {
	case AdapterSharded:
	case AdapterStreams:
		stream := globOfACL.Replace(cmp.Or(c.Cluster.Streams.Name, c.Cluster.Redis.Prefix))
		if c.Cluster.Streams.Count > 1 {
			stream += "-*"
		}
		line = append(line, "~"+stream, "~"+adapter.ProbeKey(stream)+"#*")
		if c.Recovery.Enabled {
			line = append(line, "~"+globOfACL.Replace(adapter.SessionPrefix(c.Cluster.Redis.Prefix))+"*")
		}
	default:
		line = append(line, "&"+prefix+"#/#*")
	}
	grants := []string{"hello", "auth", "client|setname", "select", "info", "eval"}
	if u, err := parseRedisURL(c.Cluster.Redis.URL); err == nil && u.kind == redisCluster {
		grants = append(grants, "command", "cluster|slots", "cluster|shards", "readonly", "asking")
	}
	for _, need := range redisNeeds(c) {
		if need.command == "pubsub" || need.command == "xinfo" {
			need.command += "|" + need.args[0]
		}
		grants = append(grants, need.command)
	}
	for i, command := range grants {
		if !slices.Contains(grants[:i], command) {
			line = append(line, "+"+command)
		}
	}
	return strings.Join(line, " ")
}

// globOfACL keeps a prefix with special characters from standing for other ones.
var globOfACL = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
