package redistest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificates are the files of an authority and of a certificate that it has signed, for 127.0.0.1 and
// localhost, as a server and as a client.
type Certificates struct{ CA, Cert, Key string }

// NewCertificates makes an authority and a certificate, valid for an hour.
func NewCertificates(tb testing.TB) *Certificates {
	tb.Helper()
	dir := tb.TempDir()
	write := func(name, kind string, der []byte) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
			tb.Fatal(err)
		}
		return path
	}
	template := func(serial int64, name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour),
			BasicConstraintsValid: true,
		}
	}
	newKey := func() *ecdsa.PrivateKey {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			tb.Fatal(err)
		}
		return key
	}
	sign := func(cert, parent *x509.Certificate, key, parentKey *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, cert, parent, &key.PublicKey, parentKey)
		if err != nil {
			tb.Fatal(err)
		}
		return der
	}
	caKey, key := newKey(), newKey()
	ca, cert := template(1, "an authority of the tests"), template(2, "redis")
	ca.IsCA, ca.KeyUsage = true, x509.KeyUsageCertSign
	cert.KeyUsage, cert.ExtKeyUsage = x509.KeyUsageDigitalSignature, []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth}
	cert.DNSNames, cert.IPAddresses = []string{"localhost"}, []net.IP{net.IPv4(127, 0, 0, 1)}
	keyDER, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		tb.Fatal(err)
	}
	return &Certificates{
		CA:   write("ca.pem", "CERTIFICATE", sign(ca, ca, caKey, caKey)),
		Cert: write("cert.pem", "CERTIFICATE", sign(cert, ca, key, caKey)),
		Key:  write("key.pem", "EC PRIVATE KEY", keyDER),
	}
}
