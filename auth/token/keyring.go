package token

import (
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/golang-jwt/jwt/v5"
)

// errKeyID is the refusal of a token whose key the issuer does not have, or not yet.
var errKeyID = fmt.Errorf("%w: the JWKS has none with its kid and algorithm", ErrKeyUnknown)

// keySet is the keys in force at one moment. It does not change, so whatever was verified with it can
// be told from what was verified with another.
type keySet struct {
	static  []key                        // of Options or SetKeys
	issued  []key                        // of the JWKS
	remote  bool                         // there is a JWKS
	loaded  bool                         // it has been read once
	allowed map[string]jwt.SigningMethod // by the name that a token gives
}

// verify checks a signature. The key is chosen by the algorithm it is bound to, one of the JWKS also by
// its kid if the token names one; several that fit are all tried. For every wrong signature the
// comparison takes the same time.
func (s *keySet) verify(jws *compact) error {
	method, ok := s.allowed[jws.algorithm]
	if !ok {
		return ErrAlgorithmRefused
	}
	for i := range s.static {
		k := &s.static[i]
		if k.fits(jws.algorithm) && method.Verify(jws.signingInput, jws.signature, k.material) == nil {
			return nil
		}
	}
	if !s.remote || isHMAC(jws.algorithm) {
		return ErrSignatureInvalid
	}
	if !s.loaded {
		return ErrKeysUnavailable
	}
	tried := false
	for i := range s.issued {
		k := &s.issued[i]
		if !k.fits(jws.algorithm) || jws.keyID != "" && jws.keyID != k.id {
			continue
		}
		tried = true
		if method.Verify(jws.signingInput, jws.signature, k.material) == nil {
			return nil
		}
	}
	if !tried {
		return errKeyID
	}
	return ErrSignatureInvalid
}

// keyring holds the key set in force. Reading it never waits; those who change it take turns, as each
// change keeps the other half.
type keyring struct {
	algorithms []string // Options.Algorithms
	current    atomic.Pointer[keySet]

	mu sync.Mutex // held to change current
}

func newKeyring(static []key, remote bool, algorithms []string) (*keyring, error) {
	r := &keyring{algorithms: slices.Clone(algorithms)}
	r.current.Store(&keySet{remote: remote})
	return r, r.setStatic(static)
}

// setStatic replaces the keys that are not of the JWKS, or fails and changes nothing.
func (r *keyring) setStatic(static []key) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *r.current.Load()
	if len(static) == 0 && !next.remote {
		return badOption("Secrets", "%w: set a secret of at least %d bytes, for example from `openssl rand -base64 48`, "+
			"or a public key, or the URL of a JWKS", ErrNoKey, MinSecretBytes)
	}
	next.static = static
	var err error
	if next.allowed, err = r.allowed(static, next.remote); err != nil {
		return err
	}
	r.current.Store(&next)
	return nil
}

// setIssued replaces the keys of the JWKS, given in order of their fingerprints. When it has the same keys as
// before, the set in force stays, and with it whatever was verified with it. It returns whether
// something changed.
func (r *keyring) setIssued(issued []key) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	next := *r.current.Load()
	if next.loaded && slices.EqualFunc(next.issued, issued, func(a, b key) bool { return a.fingerprint == b.fingerprint }) {
		return false
	}
	next.issued, next.loaded = issued, true
	r.current.Store(&next)
	return true
}

// allowed returns what tokens may use: all that the keys can do, or what Options.Algorithms says.
func (r *keyring) allowed(static []key, remote bool) (map[string]jwt.SigningMethod, error) {
	possible := maps.Clone(algorithms)
	maps.DeleteFunc(possible, func(name string, _ jwt.SigningMethod) bool {
		issued := remote && !isHMAC(name) // no secret comes from a JWKS
		return !issued && !slices.ContainsFunc(static, func(k key) bool { return k.fits(name) })
	})
	if len(r.algorithms) == 0 {
		return possible, nil
	}
	allowed := make(map[string]jwt.SigningMethod, len(r.algorithms))
	for _, name := range r.algorithms {
		name = canonicalAlgorithm(name)
		if _, known := algorithms[name]; !known {
			return nil, badOption("Algorithms", "%w %q: use some of %s", ErrUnknownAlgorithm, name, names(algorithms))
		}
		method, ok := possible[name]
		if !ok {
			return nil, badOption("Algorithms", "%w: %q is for none of the keys, which can do %s: leave it out or give it a key",
				ErrUnknownAlgorithm, name, names(possible))
		}
		allowed[name] = method
	}
	return allowed, nil
}

// SetKeys replaces Options.Secrets and Options.PublicKeys while the verifier is in use. From then on
// tokens of keys that are not there any more are refused, also those that were verified before; the
// keys of the JWKS stay. Options.Algorithms stays in force, and where it is empty what tokens may use
// follows from the new keys. On an error, which is one of those of NewVerifier, nothing changes.
func (v *Verifier) SetKeys(secrets, publicKeys []string) error {
	static, err := parseKeys(secrets, v.secretEncoding, publicKeys, v.allowShortSecrets)
	if err != nil {
		return err
	}
	return v.keys.setStatic(static)
}
