package node

import (
	"context"
	"crypto/tls"
	"fmt"
	"log/slog"
	"os"
	"sync/atomic"
	"time"
)

// certificateInterval is how often the node looks whether the files of its certificate have changed.
const certificateInterval = 5 * time.Second

// certificate is what the node shows to its clients. Connections that are open keep the one that they were opened with.
type certificate struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
	stamp             atomic.Pointer[string] // of the files
}

// newCertificate reads the certificate of the configuration, nil when it names none.
func newCertificate(c *Config) (*certificate, error) {
	if c.TLS.CertFile == "" {
		return nil, nil
	}
	cert := &certificate{certFile: c.TLS.CertFile, keyFile: c.TLS.KeyFile}
	return cert, cert.load()
}

// load reads the files again. With an error, the certificate before stays in force.
func (c *certificate) load() error {
	stamp := c.filesStamp()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("%w: tls.cert_file, tls.key_file: %w", ErrConfig, err)
	}
	c.now.Store(&pair)
	c.stamp.Store(&stamp)
	return nil
}

// filesStamp changes when one of the files does.
func (c *certificate) filesStamp() string {
	stamp := ""
	for _, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
		}
	}
	return stamp
}

// watch takes over new files until ctx ends.
func (c *certificate) watch(ctx context.Context, log *slog.Logger) {
	ticker := time.NewTicker(certificateInterval)
	defer ticker.Stop()
	failed := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-ticker.C:
		}
		stamp := c.filesStamp()
		if before := c.stamp.Load(); before != nil && stamp == *before || stamp == failed {
			continue
		}
		if err := c.load(); err != nil {
			failed = stamp // one line for each change
			log.Error("the certificate was not replaced, the one before stays in force", slog.Any("error", err))
			continue
		}
		log.Info("certificate replaced")
	}
}

// config returns the TLS of the public address. It speaks HTTP/2 for all but WebSockets, which HTTP/1.1 carries.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.now.Load(), nil
		},
	}
}
