package node

import (
	"log/slog"
	"time"

	"chorus/adapter"
	"chorus/auth"
	"chorus/chat"
	"chorus/engine"
)

// Config is everything that an operator can set. The YAML key of a field stands in its tag; the
// variable of a key is made of its path: auth.secret is CHORUS_AUTH_SECRET. Start from
// DefaultConfig: the zero value is not valid.
type Config struct {
	// Listen is the address of the public endpoints; default ":3000".
	Listen string `yaml:"listen"`
	// Path of the Socket.IO endpoint; default "/socket.io/".
	Path string `yaml:"path"`
	// PingInterval is the time between heartbeats of a connection; default 25s.
	PingInterval time.Duration `yaml:"ping_interval"`
	// PingTimeout is how long a client may take to answer a heartbeat; default 20s.
	PingTimeout time.Duration `yaml:"ping_timeout"`
	// MaxPayload is the largest message of a client, in bytes; default 1000000. A larger one
	// closes its connection.
	MaxPayload int64 `yaml:"max_payload"`
	// MaxBuffer is how many bytes may wait for a client that does not take them; default 1048576.
	// More close its connection.
	MaxBuffer int64 `yaml:"max_buffer"`
	// MaxUnprocessed is how many messages of a client may wait for their handlers before no more
	// are read of it; default 256.
	MaxUnprocessed int64 `yaml:"max_unprocessed"`
	// MaxConnections of this node; default 100000. Further ones are refused.
	MaxConnections int64 `yaml:"max_connections"`
	// MaxConnectionsPerAddress of this node; default 0: no limit of its own. Behind a proxy all
	// clients have the address of the proxy.
	MaxConnectionsPerAddress int64 `yaml:"max_connections_per_address"`
	// MaxRooms that a client may be in by "join"; default 128.
	MaxRooms int64 `yaml:"max_rooms"`
	// Compression offers permessage-deflate to clients, for messages of 1 KiB and more; default
	// false.
	Compression bool `yaml:"compression"`
	// ConnectTimeout closes a connection that has joined no namespace; default 45s.
	ConnectTimeout time.Duration `yaml:"connect_timeout"`
	// MinHeap is the size of the heap, in bytes, below which garbage is hardly collected: with little
	// memory in use, collecting it takes more time than the clients do. Run sets it for the whole
	// process, unless GOGC is set; 0 leaves the runtime alone. Default 67108864.
	MinHeap int64 `yaml:"min_heap"`
	// AllowEIO3 lets Socket.IO 2.x clients in (Engine.IO 3); default false.
	AllowEIO3 bool `yaml:"allow_eio3"`
	// Insecure lets a node start without a key, and then lets everybody in; or with secrets that
	// are too short. For development.
	Insecure bool `yaml:"insecure"`

	Admin    AdminConfig    `yaml:"admin"`
	CORS     CORSConfig     `yaml:"cors"`
	Auth     AuthConfig     `yaml:"auth"`
	Cluster  ClusterConfig  `yaml:"cluster"`
	Recovery RecoveryConfig `yaml:"recovery"`
	Drain    DrainConfig    `yaml:"drain"`
	Log      LogConfig      `yaml:"log"`

	// Version of the program, for other nodes and for people; default that of the build.
	Version string `yaml:"-"`
	// Logger takes the place of the one that Log describes.
	Logger *slog.Logger `yaml:"-"`
}

// AdminConfig is about the endpoints for operators.
type AdminConfig struct {
	// Listen is the address of /metrics; default "127.0.0.1:3900"; empty: none.
	Listen string `yaml:"listen"`
}

// CORSConfig says which web pages may connect.
type CORSConfig struct {
	// Origins besides the node's own, as "https://app.example.com"; "*" stands for all. It
	// guards every transport: others are refused with 403. Default: none.
	Origins []string `yaml:"origins"`
}

// AuthConfig says who gets in, and what they may do. See auth.Options and auth.MiddlewareOptions.
type AuthConfig struct {
	// Secret signs the tokens (HMAC), at least 32 bytes; Secrets is for several, while they are
	// being replaced.
	Secret  string   `yaml:"secret"`
	Secrets []string `yaml:"secrets"`
	// PublicKeys verify tokens that were signed with a private key (RSA, EC, Ed25519): PEM texts or files.
	PublicKeys []string `yaml:"public_keys"`
	// JWKSURL is where the issuer publishes its keys as a JSON Web Key Set; https, unless it is on this
	// machine.
	JWKSURL string `yaml:"jwks_url"`
	// JWKSRefresh is how often they are loaded; default 5m.
	JWKSRefresh time.Duration `yaml:"jwks_refresh"`
	// Algorithms that are accepted; default all that the keys can do.
	Algorithms []string `yaml:"algorithms"`
	// Issuer that "iss" must name; default any.
	Issuer string `yaml:"issuer"`
	// Audience of which "aud" must name one; default any.
	Audience []string `yaml:"audience"`
	// RequiredClaims must be there; default none but exp.
	RequiredClaims []string `yaml:"required_claims"`
	// Types of which "typ" must be one; default none, JWT or at+jwt.
	Types []string `yaml:"types"`
	// Leeway for clocks that differ; default 5s, at most 2m.
	Leeway time.Duration `yaml:"leeway"`
	// RequireExp refuses tokens that never expire; default true.
	RequireExp bool `yaml:"require_exp"`
	// MaxToken is the size of the largest token, in bytes; default 8192.
	MaxToken int64 `yaml:"max_token"`
	// Cache is for how many tokens the result of checking the signature is kept until they expire;
	// default 10000, 0 for none.
	Cache int64 `yaml:"cache"`
	// Mode is handshake (default), event or both.
	Mode string `yaml:"mode"`
	// EventTimeout disconnects a client that has not authenticated by event; default 15s.
	EventTimeout time.Duration `yaml:"event_timeout"`
	// ExpiryNotice is how long before the end of its token a client is told; default 30s, 0 for not.
	ExpiryNotice time.Duration `yaml:"expiry_notice"`
	// Cookie that may carry the token; default none.
	Cookie string `yaml:"cookie"`
	// RevocationKeep is for how long a revocation is kept when the end of the tokens is not known; default
	// 720h. It must not be shorter than the longest life of a token.
	RevocationKeep time.Duration `yaml:"revocation_keep"`
	// MaxConnections of one subject in the whole cluster; default 0: no limit.
	MaxConnections int64 `yaml:"max_connections"`
	// MaxConnectionsPolicy is refuse (default) or close_oldest.
	MaxConnectionsPolicy string `yaml:"max_connections_policy"`
	// PermissionsClaim says what a token permits; default chorus.
	PermissionsClaim string `yaml:"permissions_claim"`
	// Defaults are the permissions that a token does not mention; default all but the HTTP API.
	Defaults auth.Permissions `yaml:"defaults"`
}

// ClusterConfig says how nodes find each other.
type ClusterConfig struct {
	// Adapter is memory, pubsub, sharded or streams; default pubsub when a Redis is named, else memory.
	Adapter string        `yaml:"adapter"`
	Redis   RedisConfig   `yaml:"redis"`
	Sharded ShardedConfig `yaml:"sharded"`
	Streams StreamsConfig `yaml:"streams"`
	// Order is immediate (default) or total: then all clients get the messages of a room in one order, and
	// a node delivers its own when they come back from Redis. All nodes of a cluster have the same.
	Order string `yaml:"order"`
	// RequestTimeout ends requests to other nodes; default 5s.
	RequestTimeout time.Duration `yaml:"request_timeout"`
	// MaxPending and MaxPendingBytes bound the messages that wait to be published while Redis is slow or
	// away; default 1000 and 4194304. Beyond them the oldest is dropped.
	MaxPending      int64 `yaml:"max_pending"`
	MaxPendingBytes int64 `yaml:"max_pending_bytes"`
	// MaxUnhandled and MaxUnhandledBytes bound the messages that have come from Redis and that this node
	// has not handled yet; default 10000 and 33554432. Beyond them the oldest is dropped.
	MaxUnhandled      int64 `yaml:"max_unhandled"`
	MaxUnhandledBytes int64 `yaml:"max_unhandled_bytes"`
	// Announce tells clients when this node no longer hears the others (cluster:degraded), and when it
	// does again (cluster:restored); default false.
	Announce bool `yaml:"announce"`
}

// RedisConfig names the Redis of the cluster.
type RedisConfig struct {
	// URL as redis://[user:password@]host:port[/db], rediss:// for TLS, unix:///path,
	// redis+sentinel://host1,host2,host3/MASTER[/db] or redis+cluster://host1,host2,host3.
	URL string `yaml:"url"`
	// Username and Password go before those in URL. Default: none.
	Username string `yaml:"username"`
	Password string `yaml:"password"`
	// SentinelUsername and SentinelPassword are for the Sentinels themselves. Default: none.
	SentinelUsername string `yaml:"sentinel_username"`
	SentinelPassword string `yaml:"sentinel_password"`
	// TLS of an address with rediss://.
	TLS RedisTLSConfig `yaml:"tls"`
	// Prefix of all channels; default "socket.io", as in Node.js.
	Prefix string `yaml:"prefix"`
}

// RedisTLSConfig says what certificates to trust and to show.
type RedisTLSConfig struct {
	// CAFile has the authorities, in PEM, of which one must have signed the certificate of Redis;
	// default those of the system.
	CAFile string `yaml:"ca_file"`
	// CertFile and KeyFile are the certificate of this node and its key, in PEM; default none. They are
	// read again for each connection.
	CertFile string `yaml:"cert_file"`
	KeyFile  string `yaml:"key_file"`
	// ServerName that the certificate of Redis must have; default the host of the address.
	ServerName string `yaml:"server_name"`
}

// ShardedConfig is about the sharded adapter. See adapter.ShardedOptions.
type ShardedConfig struct {
	// Mode says which rooms have a channel of their own: dynamic (default), dynamic-private or static. All
	// servers of a cluster have the same.
	Mode string `yaml:"mode"`
}

// StreamsConfig is about the adapter with streams. All servers of a cluster have the same.
type StreamsConfig struct {
	// Name of the stream; default cluster.redis.prefix.
	Name string `yaml:"name"`
	// Count of streams, over which the namespaces are spread; default 1.
	Count int64 `yaml:"count"`
	// ShardedPubSub has what is not kept in a stream, requests and their answers, on the sharded pub/sub of
	// Redis 7; default false.
	ShardedPubSub bool `yaml:"sharded_pubsub"`
	// MaxLength is how many messages a stream keeps, about; default 10000.
	MaxLength int64 `yaml:"max_length"`
}

// RecoveryConfig gives clients that return their sessions back: id, rooms, data, and what they missed.
type RecoveryConfig struct {
	// Enabled turns it on, with the adapter streams or memory; default false. Events have one argument
	// more then, by which clients say what they have got, and the order is total.
	Enabled bool `yaml:"enabled"`
	// MaxDisconnection is for how long a session is kept without its client; default 2m.
	MaxDisconnection time.Duration `yaml:"max_disconnection"`
}

// DrainConfig is about the end of a node.
type DrainConfig struct {
	// Timeout is how long a node takes at most to end; default 30s.
	Timeout time.Duration `yaml:"timeout"`
}

// LogConfig is about the log on standard error.
type LogConfig struct {
	// Level is debug, info (default), warn or error.
	Level string `yaml:"level"`
	// Format is text (default) or json.
	Format string `yaml:"format"`
}

// Values of ClusterConfig.Adapter.
const (
	AdapterMemory  = "memory"
	AdapterPubSub  = "pubsub"
	AdapterSharded = "sharded"
	AdapterStreams = "streams"
)

// Values of ClusterConfig.Order.
const (
	OrderImmediate = "immediate"
	OrderTotal     = "total"
)

// DefaultConfig returns the configuration of a node about which nothing was said. It lacks a key,
// so New refuses it.
func DefaultConfig() Config {
	return Config{
		Listen:         ":3000",
		Path:           "/socket.io/",
		PingInterval:   25 * time.Second,
		PingTimeout:    20 * time.Second,
		MaxPayload:     engine.DefaultMaxPayload,
		MaxBuffer:      engine.DefaultMaxBuffer,
		MaxUnprocessed: engine.DefaultMaxUnprocessed,
		MaxConnections: engine.DefaultMaxConnections,
		MaxRooms:       chat.DefaultMaxRooms,
		MinHeap:        64 << 20,
		ConnectTimeout: 45 * time.Second,
		Admin:          AdminConfig{Listen: "127.0.0.1:3900"},
		Auth: AuthConfig{
			JWKSRefresh:          auth.DefaultJWKSRefresh,
			Leeway:               auth.DefaultLeeway,
			RequireExp:           true,
			MaxToken:             auth.DefaultMaxTokenBytes,
			Cache:                auth.DefaultCacheSize,
			Mode:                 string(auth.ModeHandshake),
			EventTimeout:         auth.DefaultEventTimeout,
			ExpiryNotice:         auth.DefaultExpiryNotice,
			RevocationKeep:       auth.DefaultRevocationKeep,
			MaxConnectionsPolicy: string(auth.PolicyRefuse),
			PermissionsClaim:     auth.DefaultPermissionsClaim,
			Defaults:             auth.DefaultPermissions(),
		},
		Cluster: ClusterConfig{
			Redis:             RedisConfig{Prefix: adapter.DefaultPrefix},
			Sharded:           ShardedConfig{Mode: string(adapter.Dynamic)},
			Streams:           StreamsConfig{Count: 1, MaxLength: adapter.DefaultStreamMaxLen},
			Order:             OrderImmediate,
			RequestTimeout:    adapter.DefaultRequestTimeout,
			MaxPending:        adapter.DefaultMaxPending,
			MaxPendingBytes:   adapter.DefaultMaxPendingBytes,
			MaxUnhandled:      adapter.DefaultMaxUnhandled,
			MaxUnhandledBytes: adapter.DefaultMaxUnhandledBytes,
		},
		Recovery: RecoveryConfig{MaxDisconnection: adapter.DefaultMaxDisconnection},
		Drain:    DrainConfig{Timeout: 30 * time.Second},
		Log:      LogConfig{Level: "info", Format: "text"},
	}
}
