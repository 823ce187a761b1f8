package config

import "time"

// ClusterConfig says how nodes find each other.
type ClusterConfig struct {
	Adapter           string        `yaml:"adapter" oneof:"memory pubsub sharded streams" empty:"'pubsub' when a Redis is named, else 'memory'" help:"How messages travel between nodes. 'sharded' is the sharded pub/sub of Redis 7; with 'streams' (Redis Streams) a node that lost Redis delivers what it missed."`
	Redis             RedisConfig   `yaml:"redis"`
	Sharded           ShardedConfig `yaml:"sharded"`
	Streams           StreamsConfig `yaml:"streams"`
	Order             string        `yaml:"order" default:"immediate" oneof:"immediate total" required:"true" help:"With 'total' all clients get the messages of a room in one order, when Redis brings them back; while Redis is away, nobody gets any. All nodes of a cluster use the same."`
	RequestTimeout    time.Duration `yaml:"request_timeout" default:"5s" min:"1ms" help:"How long a request to other servers may take."`
	MaxPending        int64         `yaml:"max_pending" default:"1000" min:"1" help:"Messages that wait to be published. Above it senders wait while Redis answers, and the oldest is dropped while Redis is away."`
	MaxPendingBytes   int64         `yaml:"max_pending_bytes" default:"4194304" unit:"bytes" min:"4096" help:"The same, in bytes."`
	MaxUnhandled      int64         `yaml:"max_unhandled" default:"100000" min:"1" max:"1000000" help:"Messages from Redis that wait for this node. Above it the oldest is dropped."`
	MaxUnhandledBytes int64         `yaml:"max_unhandled_bytes" default:"33554432" unit:"bytes" min:"4096" help:"The same, in bytes."`
	Advertise         string        `yaml:"advertise" format:"reachable" empty:"its own address and port" help:"Address and port at which the other nodes reach this one, as 10.0.0.5:3000."`
	Forward           string        `yaml:"forward" default:"auto" oneof:"auto off" required:"true" help:"With 'auto', a node passes the requests of a session of another node on to it, where it reaches that node, so that load balancers need no sticky sessions. All nodes of a cluster use the same."`
	MaxForwarded      int64         `yaml:"max_forwarded" default:"0" min:"0" empty:"twice 'max_connections', at most a third of the file descriptors" help:"Requests and WebSockets that this node passes on to other nodes at a time. Further ones are refused with 503."`
	Announce          bool          `yaml:"announce" default:"false" help:"Tells clients when this node loses the others ('cluster:degraded') and hears them again ('cluster:restored')."`
}

// RedisConfig names the Redis of the cluster.
type RedisConfig struct {
	URL              string         `yaml:"url" secret:"url" empty:"none" help:"Address of Redis: 'redis://[user:password@]host:port[/db]', 'rediss://' for TLS, 'unix:///path', 'redis+sentinel://host1,host2,host3/MASTER[/db]' or 'redis+cluster://host1,host2,host3'."`
	Username         string         `yaml:"username" empty:"that of the address" help:"User name on Redis."`
	Password         string         `yaml:"password" secret:"true" empty:"that of the address" help:"Password on Redis."`
	SentinelUsername string         `yaml:"sentinel_username" empty:"none" help:"User name on the Sentinels."`
	SentinelPassword string         `yaml:"sentinel_password" secret:"true" empty:"none" help:"Password on the Sentinels."`
	TLS              RedisTLSConfig `yaml:"tls"`
	Prefix           string         `yaml:"prefix" default:"socket.io" required:"true" help:"Prefix of all channels and keys. Clusters with different prefixes do not hear each other."`
}

// RedisTLSConfig says which certificates the node trusts and shows on Redis.
type RedisTLSConfig struct {
	CAFile     string `yaml:"ca_file" empty:"those of the system" help:"PEM file with the authorities, of which one must have signed the certificate of Redis."`
	CertFile   string `yaml:"cert_file" empty:"none" help:"PEM file with the certificate of this node. It is read again for each connection."`
	KeyFile    string `yaml:"key_file" empty:"none" secret:"errors" help:"PEM file with the key of that certificate."`
	ServerName string `yaml:"server_name" empty:"the host of the address" help:"Name that the certificate of Redis must have."`
}

// ShardedConfig describes the adapter 'sharded'.
type ShardedConfig struct {
	Mode string `yaml:"mode" default:"dynamic" oneof:"dynamic dynamic-private static" required:"true" help:"Which rooms have a channel of their own, as in Node.js. All servers of a cluster use the same."`
}

// StreamsConfig describes the adapter 'streams'. All servers of a cluster use the same.
type StreamsConfig struct {
	Name          string `yaml:"name" empty:"the prefix" help:"Name of the stream."`
	Count         int64  `yaml:"count" default:"1" min:"1" help:"Streams over which the namespaces are spread."`
	ShardedPubSub bool   `yaml:"sharded_pubsub" default:"false" help:"Sends requests and their answers, which no stream keeps, over the sharded pub/sub of Redis 7 ('useShardedPubSub' of Node.js)."`
	MaxLength     int64  `yaml:"max_length" default:"10000" min:"100" help:"About how many messages a stream keeps."`
}
