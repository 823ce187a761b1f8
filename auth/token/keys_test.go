package token_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"sync"
	"testing"
	"time"

	tokens "chorus/auth/token"

	"github.com/golang-jwt/jwt/v5"
)

// testKeys are private keys of every kind, made once; the ones called other are of somebody else. Those
// on curves are the same each time, so that what one process of a fuzz test signs is good in another.
type testKeys struct {
	rsa, otherRSA, smallRSA                    *rsa.PrivateKey
	p224, p256, otherP256, p384, p521          *ecdsa.PrivateKey
	ed25519, otherEd25519                      ed25519.PrivateKey
	rsaPEM, p256PEM, p384PEM, p521PEM, edPEM   string // public
	rsaPKCS1, rsaCertificate, rsaPrivate, p8ec string
}

var keys = sync.OnceValue(func() *testKeys {
	k := &testKeys{
		rsa: must(rsa.GenerateKey(rand.Reader, 2048)), otherRSA: must(rsa.GenerateKey(rand.Reader, 2048)), smallRSA: must(rsa.GenerateKey(rand.Reader, 1024)),
		p224: must(ecdsa.GenerateKey(elliptic.P224(), rand.Reader)),
		p256: must(ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(secret))), otherP256: must(ecdsa.ParseRawPrivateKey(elliptic.P256(), []byte(otherSecret))),
		p384: must(ecdsa.ParseRawPrivateKey(elliptic.P384(), []byte(secret+secret[:16]))), p521: must(ecdsa.ParseRawPrivateKey(elliptic.P521(), []byte("\x00\x00"+secret+secret))),
		ed25519: ed25519.NewKeyFromSeed([]byte(secret)), otherEd25519: ed25519.NewKeyFromSeed([]byte(otherSecret)),
	}
	k.rsaPEM, k.p256PEM, k.p384PEM = publicPEM(k.rsa.Public()), publicPEM(k.p256.Public()), publicPEM(k.p384.Public())
	k.p521PEM, k.edPEM = publicPEM(k.p521.Public()), publicPEM(k.ed25519.Public())
	k.rsaPKCS1 = asPEM("RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(&k.rsa.PublicKey))
	certificate := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Unix(1, 0)}
	k.rsaCertificate = asPEM("CERTIFICATE", must(x509.CreateCertificate(rand.Reader, certificate, certificate, k.rsa.Public(), k.rsa)))
	k.rsaPrivate = asPEM("RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k.rsa))
	k.p8ec = asPEM("PRIVATE KEY", must(x509.MarshalPKCS8PrivateKey(k.p256)))
	return k
})

func must[T any](value T, err error) T {
	if err != nil {
		panic(err)
	}
	return value
}

func asPEM(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func publicPEM(public crypto.PublicKey) string {
	return asPEM("PUBLIC KEY", must(x509.MarshalPKIXPublicKey(public)))
}

// allPEMs are the public halves of the keys.
func (k *testKeys) allPEMs() []string {
	return []string{k.rsaPEM, k.p256PEM, k.p384PEM + k.p521PEM, k.edPEM}
}

// signer is an algorithm with the key of testKeys that is for it.
type signer struct {
	method jwt.SigningMethod
	key    any
}

// signers are all algorithms that there are.
func (k *testKeys) signers() []signer {
	return []signer{
		{jwt.SigningMethodHS256, []byte(secret)}, {jwt.SigningMethodHS384, []byte(secret)}, {jwt.SigningMethodHS512, []byte(secret)},
		{jwt.SigningMethodRS256, k.rsa}, {jwt.SigningMethodRS384, k.rsa}, {jwt.SigningMethodRS512, k.rsa},
		{jwt.SigningMethodPS256, k.rsa}, {jwt.SigningMethodPS384, k.rsa}, {jwt.SigningMethodPS512, k.rsa},
		{jwt.SigningMethodES256, k.p256}, {jwt.SigningMethodES384, k.p384}, {jwt.SigningMethodES512, k.p521},
		{jwt.SigningMethodEdDSA, k.ed25519},
	}
}

// token is good for a minute after epoch; a kid is put into its header unless it is empty.
func (s signer) token(tb testing.TB, kid string) string {
	tb.Helper()
	header := `{"alg":"` + s.method.Alg() + `"}`
	if kid != "" {
		header = `{"alg":"` + s.method.Alg() + `","kid":` + quote(kid) + `}`
	}
	return s.sign(tb, b64(header)+"."+b64(`{"sub":"ada",`+soon+`}`))
}

func (s signer) sign(tb testing.TB, input string) string {
	tb.Helper()
	signature, err := s.method.Sign(input, s.key)
	if err != nil {
		tb.Fatal(err)
	}
	return input + "." + b64(string(signature))
}

// only is a verifier with nothing but these public keys, for which it is always epoch.
func only(tb testing.TB, publicKeys ...string) *tokens.Verifier {
	tb.Helper()
	return newVerifierAt(tb, func(o *tokens.Options) { o.Secrets, o.PublicKeys = nil, publicKeys })
}
