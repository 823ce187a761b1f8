package cluster

import (
	"chorus/node/config"
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

// Oldest versions of Redis that an adapter works with.
const (
	minRedis        = "6.2"
	minRedisSharded = "7.0" // SPUBLISH, SSUBSCRIBE
)

// minVersion returns the oldest Redis for the adapter of the configuration.
func minVersion(c *config.Config) string {
	if name := c.AdapterName(); name == config.AdapterSharded || name == config.AdapterStreams && c.Cluster.Streams.ShardedPubSub {
		return minRedisSharded
	}
	return minRedis
}

// checkVersion returns an error when Redis is too old or of another kind than the address says. What cannot be
// told, because INFO is not permitted or is something else's, passes.
func checkVersion(ctx context.Context, client redis.UniversalClient, cfg *config.Config) error {
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
