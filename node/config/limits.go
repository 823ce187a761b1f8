package config

// LimitsConfig bounds what clients can take of a node. A rate of 0 switches a limit off.
type LimitsConfig struct {
	TCP           int64 `yaml:"tcp" default:"0" min:"0" empty:"as many as max_connections needs and the limit of file descriptors allows" help:"TCP connections of the public address. Beyond it, a new one takes the place of the one that has served nobody for longest."`
	TCPPerAddress int64 `yaml:"tcp_per_address" default:"0" min:"0" empty:"three quarters of limits.tcp" help:"TCP connections of one address, or one /64 network of IPv6. Those of 'trusted_proxies' have no limit of their own."`

	Events     EventsLimit     `yaml:"events"`
	Subject    SubjectLimits   `yaml:"subject"`
	Bytes      BytesLimit      `yaml:"bytes"`
	Handshakes HandshakesLimit `yaml:"handshakes"`
	FailedAuth FailedAuthLimit `yaml:"failed_auth"`
}

// NoRates switches off every limit that counts in time. Benchmarks send faster than people do.
func (l *LimitsConfig) NoRates() {
	l.Events.Rate, l.Subject.Events.Rate, l.Bytes.Rate = Rate{}, Rate{}, ByteRate{}
	l.Handshakes.Rate, l.FailedAuth.Rate = Rate{}, Rate{}
}

// EventsLimit bounds the events of a connection.
type EventsLimit struct {
	Rate  Rate  `yaml:"rate" default:"50/s" empty:"no limit" reload:"true" help:"Events of one connection. Further ones are answered 'rate_limited'; a connection that goes on is closed."`
	Burst int64 `yaml:"burst" default:"200" min:"1" reload:"true" help:"Events of one connection that may come at once."`
}

// SubjectLimits bounds what a user does, over all connections of the cluster.
type SubjectLimits struct {
	Events SubjectEventsLimit `yaml:"events"`
}

// SubjectEventsLimit bounds the events of a user.
type SubjectEventsLimit struct {
	Rate  Rate  `yaml:"rate" default:"200/s" empty:"no limit" reload:"true" help:"Events of one user over all connections of the cluster. Further ones are answered 'rate_limited'."`
	Burst int64 `yaml:"burst" default:"1000" min:"1" reload:"true" help:"Events of one user that may come at once."`
}

// BytesLimit bounds the bytes of a connection.
type BytesLimit struct {
	Rate  ByteRate `yaml:"rate" default:"1MB/s" empty:"no limit" reload:"true" help:"Bytes of messages of one connection. The node reads no faster, so TCP holds the client back."`
	Burst Size     `yaml:"burst" default:"4MB" min:"1KB" reload:"true" help:"Bytes of one connection that may come at once."`
}

// HandshakesLimit bounds the handshakes of an address.
type HandshakesLimit struct {
	Rate  Rate  `yaml:"rate" default:"100/s" empty:"no limit" reload:"true" help:"Handshakes of one address at this node, of a /64 network with IPv6. Further ones are answered with 429. Behind a proxy that is not in 'trusted_proxies', all clients have one address."`
	Burst int64 `yaml:"burst" default:"5000" min:"1" reload:"true" help:"Handshakes of one address that may come at once."`
}

// FailedAuthLimit bounds the bad tokens of an address.
type FailedAuthLimit struct {
	Rate  Rate  `yaml:"rate" default:"10/m" empty:"no limit" reload:"true" help:"Bad tokens of one address at this node. The answers about further ones come later and later; good tokens are never delayed."`
	Burst int64 `yaml:"burst" default:"20" min:"1" reload:"true" help:"Bad tokens of one address that may come at once."`
}
