package listener

import (
	"chorus/node/config"
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

// Certificate is what the node shows to its clients. Connections that are open keep the one that they were opened with.
type Certificate struct {
	certFile, keyFile string
	now               atomic.Pointer[tls.Certificate]
	stamp             atomic.Pointer[string] // of the files
}

// NewCertificate reads the certificate of the configuration, nil when it names none.
func NewCertificate(c *config.Config) (*Certificate, error) {
	if c.TLS.CertFile == "" {
		return nil, nil
	}
	cert := &Certificate{certFile: c.TLS.CertFile, keyFile: c.TLS.KeyFile}
	return cert, cert.Load()
}

// Load reads the files again. With an error, the certificate before stays in force.
func (c *Certificate) Load() error {
	stamp := c.filesStamp()
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("%w: tls.cert_file, tls.key_file: %w", config.ErrConfig, err)
	}
	c.now.Store(&pair)
	c.stamp.Store(&stamp)
	return nil
}

// filesStamp changes when one of the files does.
func (c *Certificate) filesStamp() string {
	stamp := ""
	for _, name := range []string{c.certFile, c.keyFile} {
		if info, err := os.Stat(name); err == nil {
			stamp += fmt.Sprint(info.ModTime().UnixNano(), info.Size(), ";")
		}
	}
	return stamp
}

// Watch takes over new files until ctx ends.
func (c *Certificate) Watch(ctx context.Context, log *slog.Logger) {
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
		if err := c.Load(); err != nil {
			failed = stamp // one line for each change
			log.Error("the certificate was not replaced, the one before stays in force", slog.Any("error", err))
			continue
		}
		log.Info("certificate replaced")
	}
}

// TLS returns the TLS of the public address. It speaks HTTP/2 for all but WebSockets, which HTTP/1.1 carries.
func (c *Certificate) TLS() *tls.Config {
	return &tls.Config{
		MinVersion: tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return c.now.Load(), nil
		},
	}
}
