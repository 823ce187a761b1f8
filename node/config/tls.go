package config

// TLSConfig describes TLS on the public address.
type TLSConfig struct {
	CertFile string `yaml:"cert_file" empty:"no TLS" help:"PEM file with the certificate of the node and its chain. The node then speaks TLS 1.2 and later on the public address, with HTTP/2 for all but WebSockets. It takes over a changed file by itself."`
	KeyFile  string `yaml:"key_file" empty:"none" secret:"errors" help:"PEM file with the key of that certificate."`
}
