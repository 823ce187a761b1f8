// Package sign signs requests as Standard Webhooks does (https://www.standardwebhooks.com): the headers webhook-id,
// webhook-timestamp and webhook-signature, with HMAC-SHA256 or Ed25519.
package sign

import (
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Headers of a signed request.
const (
	HeaderID        = "Webhook-Id"
	HeaderTimestamp = "Webhook-Timestamp"
	HeaderSignature = "Webhook-Signature"
)

// Prefixes of keys: a shared secret, a private key and a public key.
const (
	secretPrefix  = "whsec_"
	privatePrefix = "whsk_"
	publicPrefix  = "whpk_"
)

// Bounds of a shared secret in bytes. The specification asks for 24 to 64 random ones.
const (
	minSecret = 16
	maxSecret = 512
)

// ErrSecret means that a text is no secret. It never contains the text.
var ErrSecret = errors.New(`not a secret: write whsec_ and 24 to 64 random bytes in base64, or whsk_ and an Ed25519 private key in base64; ` +
	`a new one: echo "whsec_$(openssl rand -base64 32)"`)

// Signer signs with one or more secrets: with each of them, so that receivers can replace one by another.
type Signer struct{ keys []key }

// key makes one signature.
type key func(content []byte) string

// New returns a signer. The error says which secret is wrong, and nothing of its value.
func New(secrets []string) (*Signer, error) {
	if len(secrets) == 0 {
		return nil, errors.New("there is no secret to sign with")
	}
	s := &Signer{}
	for i, secret := range secrets {
		k, err := parse(secret)
		if err != nil {
			return nil, fmt.Errorf("secret %d of %d: %w", i+1, len(secrets), err)
		}
		s.keys = append(s.keys, k)
	}
	return s, nil
}

func parse(secret string) (key, error) {
	if text, ok := strings.CutPrefix(secret, privatePrefix); ok {
		private, err := privateKey(text)
		if err != nil {
			return nil, err
		}
		return func(content []byte) string {
			return "v1a," + base64.StdEncoding.EncodeToString(ed25519.Sign(private, content))
		}, nil
	}
	text, ok := strings.CutPrefix(secret, secretPrefix)
	shared, err := decode(text)
	if !ok || err != nil || len(shared) < minSecret || len(shared) > maxSecret {
		return nil, ErrSecret
	}
	return func(content []byte) string {
		mac := hmac.New(sha256.New, shared)
		mac.Write(content)
		return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}, nil
}

// privateKey reads the seed of an Ed25519 key, or the seed and the public key behind it.
func privateKey(text string) (ed25519.PrivateKey, error) {
	raw, err := decode(text)
	switch {
	case err != nil:
		return nil, ErrSecret
	case len(raw) == ed25519.SeedSize:
		return ed25519.NewKeyFromSeed(raw), nil
	case len(raw) != ed25519.PrivateKeySize:
		return nil, ErrSecret
	}
	private := ed25519.NewKeyFromSeed(raw[:ed25519.SeedSize])
	if !private.Equal(ed25519.PrivateKey(raw)) {
		return nil, ErrSecret
	}
	return private, nil
}

// PublicKey returns what receivers verify the signatures of a whsk_ secret with, as whpk_.
func PublicKey(secret string) (string, error) {
	text, ok := strings.CutPrefix(secret, privatePrefix)
	if !ok {
		return "", ErrSecret
	}
	private, err := privateKey(text)
	if err != nil {
		return "", err
	}
	return publicPrefix + base64.StdEncoding.EncodeToString(private[ed25519.SeedSize:]), nil
}

func decode(text string) ([]byte, error) {
	return base64.RawStdEncoding.DecodeString(strings.TrimRight(text, "="))
}

// Sign sets the headers of a request with this body.
func (s *Signer) Sign(h http.Header, id string, at time.Time, body []byte) {
	stamp := strconv.FormatInt(at.Unix(), 10)
	content := append([]byte(id+"."+stamp+"."), body...)
	signatures := make([]string, len(s.keys))
	for i, k := range s.keys {
		signatures[i] = k(content)
	}
	h.Set(HeaderID, id)
	h.Set(HeaderTimestamp, stamp)
	h.Set(HeaderSignature, strings.Join(signatures, " "))
}

// NewID returns an id for a request.
func NewID() string { return "msg_" + rand.Text() }
