package config

import (
	"log/slog"
	"time"
)

// Config is everything that an operator can set. Start from Default: the zero value is not valid. The help
// tag of a field is its documentation; see the package comment for the other tags.
type Config struct {
	Listen                   string        `yaml:"listen" default:":3000" format:"address" required:"true" help:"Address of the public endpoints."`
	Path                     string        `yaml:"path" default:"/socket.io/" format:"path" required:"true" help:"Path of the Socket.IO endpoint."`
	PingInterval             time.Duration `yaml:"ping_interval" default:"25s" min:"1ms" help:"Time between two heartbeats of a connection."`
	PingTimeout              time.Duration `yaml:"ping_timeout" default:"20s" min:"1ms" help:"How long a client may take to answer a heartbeat."`
	MaxPayload               int64         `yaml:"max_payload" default:"1000000" unit:"bytes" min:"1024" help:"Largest message of a client. A larger one closes its connection."`
	MaxBuffer                int64         `yaml:"max_buffer" default:"1048576" unit:"bytes" min:"4096" help:"How much may wait for a client that does not read. More closes its connection."`
	MaxUnprocessed           int64         `yaml:"max_unprocessed" default:"256" min:"1" help:"How many messages of a client may wait for their handlers. Above it the node stops reading from the client."`
	MaxRooms                 int64         `yaml:"max_rooms" default:"128" min:"1" help:"How many rooms a client may be in by 'join'."`
	MaxConnections           int64         `yaml:"max_connections" default:"100000" min:"1" help:"Connections of this node. Further ones are refused with 503."`
	MaxConnectionsPerAddress int64         `yaml:"max_connections_per_address" default:"0" min:"0" empty:"no limit" help:"Connections of this node from one address, or one /64 network of IPv6. Behind a proxy, all clients have the address of the proxy."`
	TrustedProxies           []string      `yaml:"trusted_proxies" format:"network" empty:"none" help:"Networks of proxies, such as 10.0.0.0/8, whose X-Forwarded-For (else Forwarded) and X-Forwarded-Host name the address of the client and the host that it asked for."`
	ProxyProtocol            bool          `yaml:"proxy_protocol" default:"false" help:"Takes the address of the client from the PROXY protocol (version 1 and 2) of 'trusted_proxies'. They need not send it, as their probes do not; a connection of others that sends it is refused."`
	Compression              bool          `yaml:"compression" default:"false" help:"Offers permessage-deflate to clients, for messages of 1 KiB and more."`
	HTTPCompression          bool          `yaml:"http_compression" default:"true" help:"Compresses answers of long-polling of 1 KiB and more, with brotli or gzip as the client asks. See docs/operations.md about secrets."`
	MinHeap                  int64         `yaml:"min_heap" default:"67108864" unit:"bytes" min:"0" help:"Heap below which the node hardly collects garbage, because collecting a small heap costs more time than the clients. 0 leaves the Go runtime alone; GOGC wins over it."`
	ConnectTimeout           time.Duration `yaml:"connect_timeout" default:"10s" min:"1ms" help:"A connection that is in no namespace for this time is closed."`
	MaxJoining               int64         `yaml:"max_joining" default:"0" min:"0" empty:"half of 'max_connections', at least 100" help:"Connections of this node that are in no namespace yet. Further ones are refused with 503."`
	MaxJoiningPerAddress     int64         `yaml:"max_joining_per_address" default:"0" min:"0" empty:"half of 'max_joining'" help:"The same for one address, or one /64 network of IPv6."`
	AllowEIO3                bool          `yaml:"allow_eio3" default:"false" help:"Admits clients of Socket.IO 2.x (Engine.IO 3)."`
	Insecure                 bool          `yaml:"insecure" default:"false" help:"Permits a node without a key, which admits everybody, or with secrets that are too short. For development."`

	ServeClient bool `yaml:"serve_client" default:"true" help:"Serves the official client below 'path', as '/socket.io/socket.io.js'."`

	Admin      AdminConfig                `yaml:"admin"`
	API        APIConfig                  `yaml:"api"`
	Pages      PagesConfig                `yaml:"pages"`
	Cookie     CookieConfig               `yaml:"cookie"`
	TLS        TLSConfig                  `yaml:"tls"`
	CORS       CORSConfig                 `yaml:"cors"`
	Auth       AuthConfig                 `yaml:"auth"`
	Cluster    ClusterConfig              `yaml:"cluster"`
	Recovery   RecoveryConfig             `yaml:"recovery"`
	Chat       ChatConfig                 `yaml:"chat"`
	Events     map[string]EventConfig     `yaml:"events" empty:"none" help:"Events of clients that front ends define, by name."`
	Namespaces map[string]NamespaceConfig `yaml:"namespaces" empty:"nothing" help:"What happens in namespaces, by name."`
	Webhooks   []WebhookConfig            `yaml:"webhooks" empty:"none" help:"Back ends that are told what happens."`
	Hook       *HookConfig                `yaml:"hook" empty:"nobody is asked" help:"A back end that is asked about what clients do: the authorise hook."`
	Limits     LimitsConfig               `yaml:"limits"`
	Drain      DrainConfig                `yaml:"drain"`
	Log        LogConfig                  `yaml:"log"`

	// Version of the program, for other nodes and for people; default that of the build.
	Version string `yaml:"-"`
	// Development permits what only one's own machine should: webhooks to loopback.
	Development bool `yaml:"-"`
	// Load reads the configuration again, for a reload by the admin address; default no such reload.
	Load func() (Config, error) `yaml:"-"`
	// Relay sends each event that nobody handles to everybody; for development.
	Relay bool `yaml:"-"`
	// OnUnknown is called with each event of a client that nobody handles; default nothing. It must not block.
	OnUnknown func(namespace, event string, handled []string) `yaml:"-"`
	// Logger takes the place of the one that Log describes.
	Logger *slog.Logger `yaml:"-"`

	origins map[string]string // where each value was set, by key; for errors
	faulty  bool              // a source could not be read as a whole
}

// AdminConfig describes the endpoints for operators.
type AdminConfig struct {
	Listen string `yaml:"listen" default:"127.0.0.1:3900" format:"address" empty:"none" help:"Address of '/metrics', '/healthz' and '/readyz', and of the HTTP API."`
}

// PagesConfig describes the pages of a node.
type PagesConfig struct {
	Enabled        bool     `yaml:"enabled" default:"true" help:"Serves the chat page at '/'."`
	FrameAncestors []string `yaml:"frame_ancestors" format:"origin" empty:"none" help:"Origins of the pages that may embed the chat page."`
}

// CookieConfig describes the cookie of Engine.IO, which load balancers may use to find a session's node.
type CookieConfig struct {
	Name     string        `yaml:"name" default:"" empty:"no cookie" help:"Name of a cookie that holds the id of the session, as 'io'. For load balancers that look at it."`
	Path     string        `yaml:"path" default:"/" help:"Path of the cookie."`
	SameSite string        `yaml:"same_site" default:"lax" oneof:"lax strict none" help:"Whether pages of other sites send the cookie. 'none' needs 'cookie.secure'."`
	Secure   bool          `yaml:"secure" default:"false" help:"Sends the cookie over HTTPS only."`
	HTTPOnly bool          `yaml:"http_only" default:"true" help:"Hides the cookie from scripts."`
	MaxAge   time.Duration `yaml:"max_age" default:"0s" min:"0s" empty:"until the browser closes" help:"How long the browser keeps the cookie."`
}

// CORSConfig says which web pages may connect.
type CORSConfig struct {
	Origins []string `yaml:"origins" format:"origin" empty:"none" reload:"true" help:"Origins of the web pages that may connect besides the node's own, such as 'https://app.example.com', 'https://*.example.com' (one label or more), 'capacitor://localhost', 'file://' or 'null'. '*' stands for all. Others are refused with 403."`
}

// RecoveryConfig describes connection state recovery: a client that reconnects gets its session back.
type RecoveryConfig struct {
	Enabled          bool          `yaml:"enabled" default:"false" help:"A client that reconnects gets its id, rooms, data and missed events: on any node with the adapter 'streams', on the same node with 'memory'. Events then have one argument more, and the order is total."`
	MaxDisconnection time.Duration `yaml:"max_disconnection" default:"2m" min:"1s" help:"How long a session is kept without its client."`
}

// DrainConfig describes the end of a node.
type DrainConfig struct {
	Delay   time.Duration `yaml:"delay" default:"0s" min:"0s" help:"How long a node that ends, and is not ready any more, goes on as before, until load balancers have noticed. The image sets 5s."`
	Period  time.Duration `yaml:"period" default:"20s" min:"0s" help:"The time over which a node that ends moves its clients to other nodes, a few at a time. It is shortened where 'drain.timeout' demands, and where it would be slower than five clients a second."`
	Timeout time.Duration `yaml:"timeout" default:"30s" min:"1ms" help:"How long a node takes at most to end."`
}

// LogConfig describes the log on standard error.
type LogConfig struct {
	Level  string `yaml:"level" default:"info" format:"level" required:"true" reload:"true" help:"Least severe lines of the log: 'debug', 'info', 'warn' or 'error'."`
	Format string `yaml:"format" default:"text" oneof:"text json" required:"true" help:"Form of the log on standard error."`
}
