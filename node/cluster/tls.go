package cluster

import (
	"chorus/node/config"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// settingError is about one setting.
type settingError struct {
	key string
	err error
}

func (e *settingError) Error() string { return e.key + ": " + e.err.Error() }

func (e *settingError) Unwrap() error { return e.err }

const keyRedisTLS = "cluster.redis.tls."

var (
	errNoCertificate = errors.New("there is no certificate in PEM in it")
	errHalfPair      = errors.New("a certificate and its key go together: set both, or neither")
	errNoTLS         = errors.New("it is for TLS, and the address is not: write rediss:// in cluster.redis.url")
)

// applyTLS changes a client's TLS to what the settings say; base is nil when the address is not for TLS.
func applyTLS(c *config.RedisTLSConfig, base *tls.Config) (*tls.Config, error) {
	if base == nil {
		for _, s := range []struct{ key, value string }{
			{"ca_file", c.CAFile}, {"cert_file", c.CertFile}, {"key_file", c.KeyFile}, {"server_name", c.ServerName},
		} {
			if s.value != "" {
				return nil, &settingError{keyRedisTLS + s.key, errNoTLS}
			}
		}
		return nil, nil
	}
	tlsConfig := base.Clone()
	tlsConfig.MinVersion = tls.VersionTLS12
	if c.ServerName != "" {
		tlsConfig.ServerName = c.ServerName
	}
	if c.CAFile != "" {
		text, err := config.ReadFile(c.CAFile)
		if err != nil {
			return nil, &settingError{keyRedisTLS + "ca_file", err}
		}
		tlsConfig.RootCAs = x509.NewCertPool()
		if !tlsConfig.RootCAs.AppendCertsFromPEM(text) {
			return nil, &settingError{keyRedisTLS + "ca_file", fmt.Errorf("%s: %w", c.CAFile, errNoCertificate)}
		}
	}
	switch {
	case c.CertFile == "" && c.KeyFile == "":
		return tlsConfig, nil
	case c.CertFile == "" || c.KeyFile == "":
		return nil, &settingError{keyRedisTLS + "cert_file", errHalfPair}
	}
	load := func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(c.CertFile, c.KeyFile)
		if err != nil {
			return nil, &settingError{keyRedisTLS + "cert_file, " + keyRedisTLS + "key_file", withoutKey(err)}
		}
		return &pair, nil
	}
	if _, err := load(); err != nil {
		return nil, err
	}
	// Read again for each connection: a certificate that was renewed needs no restart.
	tlsConfig.GetClientCertificate = func(*tls.CertificateRequestInfo) (*tls.Certificate, error) { return load() }
	return tlsConfig, nil
}

// withoutKey returns an error of a pair of files, which names a file and nothing that is in it.
func withoutKey(err error) error {
	var path *os.PathError
	if errors.As(err, &path) {
		return path
	}
	return err // that of crypto/tls says what is wrong, not what is there
}
