package node

import (
	"os"

	"chorus/node/config"
)

// Config is everything that an operator can set. Start from DefaultConfig: the zero value is not valid.
type Config = config.Config

// The groups of a Config have their names here too.
type (
	// AdminConfig describes the endpoints for operators.
	AdminConfig = config.AdminConfig
	// CORSConfig says which web pages may connect.
	CORSConfig = config.CORSConfig
	// AuthConfig says whom the nodes admit, and what clients may do.
	AuthConfig = config.AuthConfig
	// ClusterConfig says how nodes find each other.
	ClusterConfig = config.ClusterConfig
	// RedisConfig names the Redis of the cluster.
	RedisConfig = config.RedisConfig
	// RedisTLSConfig says which certificates the node trusts and shows on Redis.
	RedisTLSConfig = config.RedisTLSConfig
	// ShardedConfig describes the adapter "sharded".
	ShardedConfig = config.ShardedConfig
	// StreamsConfig describes the adapter "streams".
	StreamsConfig = config.StreamsConfig
	// RecoveryConfig describes connection state recovery.
	RecoveryConfig = config.RecoveryConfig
	// ChatConfig describes the chat product.
	ChatConfig = config.ChatConfig
	// LimitsConfig bounds what clients can take of a node.
	LimitsConfig = config.LimitsConfig
	// DrainConfig describes the end of a node.
	DrainConfig = config.DrainConfig
	// LogConfig describes the log.
	LogConfig = config.LogConfig
)

// ErrConfig is wrapped by every error about the configuration. Its text names the setting.
var ErrConfig = config.ErrConfig

// ErrStart is wrapped by the errors of a node that cannot start; their text says what to do.
var ErrStart = config.ErrStart

// DefaultConfig returns the built-in defaults. They contain no key, so New rejects them until one is set.
func DefaultConfig() Config { return config.Default() }

// LoadConfig returns the defaults, overlaid with the YAML file at path (none when path is empty) and then
// with the CHORUS_* variables of the environment.
func LoadConfig(path string) (Config, error) {
	return config.Load(config.Sources{File: path, Environ: os.Environ()})
}

// Values of ClusterConfig.Adapter and ClusterConfig.Order.
const (
	AdapterMemory  = config.AdapterMemory
	AdapterPubSub  = config.AdapterPubSub
	AdapterSharded = config.AdapterSharded
	AdapterStreams = config.AdapterStreams
	OrderImmediate = config.OrderImmediate
	OrderTotal     = config.OrderTotal
)

// variableOf returns the variable of a key, for errors.
func variableOf(key string) string { return config.Variable(key) }
