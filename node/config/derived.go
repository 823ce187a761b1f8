package config

// Values of ClusterConfig.Adapter.
const (
	AdapterMemory  = "memory"
	AdapterPubSub  = "pubsub"
	AdapterSharded = "sharded"
	AdapterStreams = "streams"
)

// Values of ClusterConfig.Forward.
const (
	ForwardAuto = "auto"
	ForwardOff  = "off"
)

// Values of ClusterConfig.Order.
const (
	OrderImmediate = "immediate"
	OrderTotal     = "total"
)

// AdapterName returns the adapter in force.
func (c *Config) AdapterName() string {
	switch {
	case c.Cluster.Adapter != "":
		return c.Cluster.Adapter
	case c.Cluster.Redis.URL != "":
		return AdapterPubSub
	default:
		return AdapterMemory
	}
}

// TotalOrder reports whether a message is delivered only when Redis brings it back. Without Redis there is
// one order anyway.
func (c *Config) TotalOrder() bool {
	return c.AdapterName() != AdapterMemory && (c.Cluster.Order == OrderTotal || c.Recovery.Enabled)
}

// Secrets returns all HMAC secrets.
func (c *Config) Secrets() []string {
	if c.Auth.Secret == "" {
		return c.Auth.Secrets
	}
	return append([]string{c.Auth.Secret}, c.Auth.Secrets...)
}

// HasKeys reports whether there is anything to verify tokens with.
func (c *Config) HasKeys() bool {
	return len(c.Secrets()) > 0 || len(c.Auth.PublicKeys) > 0 || c.Auth.JWKSURL != ""
}

// conflicts checks what concerns several settings.
func (c *Config) conflicts(k *checker) {
	adapter := c.AdapterName()
	if !c.faulty { // a setting that could not be read may be the one that is missing
		k.that(c.HasKeys() || c.Insecure, "auth.secret", "no key: without one, nobody could be told from anybody. "+
			"Set CHORUS_AUTH_SECRET to the secret that your tokens are signed with, at least 32 bytes "+
			"(a new one: openssl rand -base64 48), auth.public_keys or auth.jwks_url to what they are verified with, "+
			"or start with --insecure to let everybody in")
		k.that(adapter == AdapterMemory || c.Cluster.Redis.URL != "", "cluster.redis.url", "the %s adapter needs it, as redis://localhost:6379", adapter)
	}
	k.that(c.Drain.Delay < max(c.Drain.Timeout, 1), "drain.delay", "%s is not less than drain.timeout, %s", c.Drain.Delay, c.Drain.Timeout)
	k.that((c.TLS.CertFile == "") == (c.TLS.KeyFile == ""), "tls.cert_file", "tls.cert_file and tls.key_file belong together: set both, or none")
	if c.Recovery.Enabled {
		k.that(adapter == AdapterStreams || adapter == AdapterMemory, "recovery.enabled",
			"the %s adapter keeps no messages: set cluster.adapter to streams", adapter)
		k.that(c.Auth.Mode == "handshake", "recovery.enabled",
			"a client that authenticates by event has no identity when it connects: set auth.mode to handshake")
	}
}
