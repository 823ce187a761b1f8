package token_test

import (
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	tokens "chorus/auth/token"

	"github.com/golang-jwt/jwt/v5"
)

func TestJWKSOfEveryAlgorithm(t *testing.T) {
	t.Parallel()
	k := keys()
	i := newIssuer(t,
		entry(k.otherRSA.Public(), "r0", nil), entry(k.rsa.Public(), "r", nil), entry(k.p256.Public(), "p256", nil),
		entry(k.p384.Public(), "p384", nil), entry(k.p521.Public(), "p521", nil), entry(k.ed25519.Public(), "ed", nil))
	kids := map[string]string{"R": "r", "P": "r", "ES256": "p256", "ES384": "p384", "ES512": "p521", "EdDSA": "ed"}
	v := trusting(t, i.URL, nil)
	for _, s := range k.signers() {
		alg := s.method.Alg()
		if strings.HasPrefix(alg, "HS") {
			verify(t, v, tokens.ErrAlgorithmRefused, s.token(t, ""), s.token(t, "r"))
			continue
		}
		kid := kids[alg]
		if kid == "" {
			kid = kids[alg[:1]]
		}
		verify(t, v, nil, s.token(t, kid), s.token(t, ""))
		verify(t, v, tokens.ErrKeyUnknown, s.token(t, "../../dev/null"), s.token(t, "' OR 1=1 --"))
		if strings.HasPrefix(kid, "r") {
			verify(t, v, tokens.ErrSignatureInvalid, s.token(t, "r0"))
		} else {
			verify(t, v, tokens.ErrKeyUnknown, s.token(t, "r")) // it is there, and for other algorithms
		}
	}
	if got := v.Stats(); got.JWKSKeys != 6 || got.JWKSReads < 1 || got.JWKSFailures != 0 {
		t.Errorf("got %+v", got)
	}
	if err := v.Ready(); err != nil {
		t.Error(err)
	}
	if age, ok := v.JWKSAge(); !ok || age < 0 {
		t.Errorf("got age %s, %v", age, ok)
	}
}

// What an entry says it is for is honoured, and what cannot be used does not take the others away.
func TestJWKSEntries(t *testing.T) {
	t.Parallel()
	k := keys()
	rsa := func(more jwk) jwk { return entry(k.rsa.Public(), "k", more) }
	ed := func(more jwk) jwk { return entry(k.ed25519.Public(), "k", more) }
	rs256, ps256 := signer{jwt.SigningMethodRS256, k.rsa}, signer{jwt.SigningMethodPS256, k.rsa}
	es256, eddsa := signer{jwt.SigningMethodES256, k.p256}, signer{jwt.SigningMethodEdDSA, k.ed25519}
	cases := []struct {
		name   string
		entry  any
		signer signer
		want   error
	}{
		{"use sig", rsa(jwk{"use": "sig"}), rs256, nil},
		{"use enc", rsa(jwk{"use": "enc"}), rs256, tokens.ErrKeyUnknown},
		{"use of its own", rsa(jwk{"use": "x"}), rs256, tokens.ErrKeyUnknown},
		{"key_ops verify", rsa(jwk{"key_ops": []string{"x", "verify"}}), rs256, nil},
		{"key_ops encrypt", rsa(jwk{"key_ops": []string{"encrypt"}}), rs256, tokens.ErrKeyUnknown},
		{"alg", rsa(jwk{"alg": "PS256"}), ps256, nil},
		{"other alg of the same key", rsa(jwk{"alg": "RS256"}), ps256, tokens.ErrKeyUnknown},
		{"alg for encryption", rsa(jwk{"alg": "RSA-OAEP"}), rs256, tokens.ErrKeyUnknown},
		{"alg of another key", rsa(jwk{"alg": "ES256"}), rs256, tokens.ErrKeyUnknown},
		{"alg of a secret", rsa(jwk{"alg": "HS256"}), rs256, tokens.ErrKeyUnknown},
		{"alg none", rsa(jwk{"alg": "none"}), rs256, tokens.ErrKeyUnknown},
		{"EdDSA without alg, with a certificate", ed(jwk{"x5c": []string{"AA=="}, "x5u": "http://x.example"}), eddsa, nil},
		{"private key", ed(jwk{"d": b64(secret)}), eddsa, tokens.ErrKeyUnknown},
		{"private key without d", rsa(jwk{"p": "AQ", "q": "AQ"}), rs256, tokens.ErrKeyUnknown},
		{"secret", jwk{"kty": "oct", "kid": "k", "k": b64(secret)}, signer{jwt.SigningMethodHS256, []byte(secret)}, tokens.ErrAlgorithmRefused},
		{"RSA of 1024 bits", entry(k.smallRSA.Public(), "k", nil), signer{jwt.SigningMethodRS256, k.smallRSA}, tokens.ErrKeyUnknown},
		{"P-256 called P-384", entry(k.p256.Public(), "k", jwk{"crv": "P-384"}), es256, tokens.ErrKeyUnknown},
		{"point that is not on the curve", entry(k.p256.Public(), "k", jwk{"x": "AQ"}), es256, tokens.ErrKeyUnknown},
		{"point at infinity", entry(k.p256.Public(), "k", jwk{"x": "AA", "y": "AA"}), es256, tokens.ErrKeyUnknown},
		{"X25519", ed(jwk{"crv": "X25519"}), eddsa, tokens.ErrKeyUnknown},
		{"unknown kty", rsa(jwk{"kty": "AKP"}), rs256, tokens.ErrKeyUnknown},
		{"no kty", rsa(jwk{"kty": nil}), rs256, tokens.ErrKeyUnknown},
		{"kid not a string", rsa(jwk{"kid": 7}), rs256, tokens.ErrKeyUnknown},
		{"not an object", "k", rs256, tokens.ErrKeyUnknown},
		{"null", nil, rs256, tokens.ErrKeyUnknown},
	}
	good := signer{jwt.SigningMethodES384, k.p384}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := trusting(t, newIssuer(t, c.entry, entry(k.p384.Public(), "good", nil)).URL, nil)
			verify(t, v, nil, good.token(t, "good"))
			verify(t, v, c.want, c.signer.token(t, "k"))
		})
	}
}

// Two keys of one name are both tried, and one key twice is one (RFC 7517 section 4.5).
func TestJWKSDuplicateKids(t *testing.T) {
	t.Parallel()
	k := keys()
	v := trusting(t, newIssuer(t,
		entry(k.otherRSA.Public(), "k", nil), entry(k.rsa.Public(), "k", nil), entry(k.rsa.Public(), "k", nil), entry(k.p256.Public(), "k", nil)).URL, nil)
	verify(t, v, nil, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "k"), signer{jwt.SigningMethodRS256, k.otherRSA}.token(t, "k"), signer{jwt.SigningMethodES256, k.p256}.token(t, "k"))
	verify(t, v, tokens.ErrSignatureInvalid, signer{jwt.SigningMethodES256, k.otherP256}.token(t, "k"))
	if got := v.Stats().JWKSKeys; got != 3 {
		t.Errorf("got %d keys", got)
	}
}

func TestJWKSBesideOtherKeys(t *testing.T) {
	t.Parallel()
	k := keys()
	i := newIssuer(t, entry(k.rsa.Public(), "r", nil))
	v := trusting(t, i.URL, func(o *tokens.Options) { o.Secrets, o.PublicKeys = []string{secret}, []string{k.p256PEM} })
	verify(t, v, nil, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "r"))
	before := i.count()
	// Names of keys are those of the JWKS; the other keys have none.
	verify(t, v, nil, signer{jwt.SigningMethodES256, k.p256}.token(t, "whatever"), signer{jwt.SigningMethodHS256, []byte(secret)}.token(t, "whatever"))
	verify(t, v, tokens.ErrSignatureInvalid, craft(k.rsaPEM, `{"alg":"HS256","kid":"r"}`, `{`+soon+`}`))
	if got := i.count(); got != before {
		t.Errorf("the issuer was asked %d times for keys that are not its own", got-before)
	}

	if err := v.SetKeys(nil, nil); err != nil {
		t.Fatal(err)
	}
	verify(t, v, nil, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "r"))
	verify(t, v, tokens.ErrKeyUnknown, signer{jwt.SigningMethodES256, k.p256}.token(t, "whatever"))
	verify(t, v, tokens.ErrAlgorithmRefused, craft(secret, hs256, `{`+soon+`}`))
}

func TestJWKSRotation(t *testing.T) {
	t.Parallel()
	k := keys()
	i := newIssuer(t, entry(k.rsa.Public(), "1", nil))
	v := trusting(t, i.URL, nil)
	first, second := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1"), signer{jwt.SigningMethodES256, k.p256}.token(t, "2")
	verify(t, v, nil, first, first)

	i.set(text(jwks(entry(k.p256.Public(), "2", nil), entry(k.rsa.Public(), "1", nil))))
	verify(t, v, nil, second, first)
	i.set(text(jwks(entry(k.p256.Public(), "2", nil))))
	verify(t, v, tokens.ErrKeyUnknown, signer{jwt.SigningMethodES256, k.p256}.token(t, "3")) // has the JWKS read again
	verify(t, v, tokens.ErrKeyUnknown, first)                                                // although it was in the cache
	verify(t, v, nil, second)
	if got := v.Stats().JWKSKeys; got != 1 {
		t.Errorf("got %d keys", got)
	}
}

// An answer with the same keys, in whatever order, is no reason to check all signatures again.
func TestJWKSUnchangedKeepsTheCache(t *testing.T) {
	t.Parallel()
	k := keys()
	one, two := entry(k.rsa.Public(), "1", nil), entry(k.p256.Public(), "2", nil)
	i := newIssuer(t, one, two)
	v := trusting(t, i.URL, nil)
	token := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1")
	verify(t, v, nil, token)
	i.set(text(jwks(two, jwk{"kty": "oct"}, one)))
	verify(t, v, tokens.ErrKeyUnknown, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "3"))
	verify(t, v, nil, token)
	if got := v.Stats(); got.JWKSReads != 2 || got.CacheHits != 1 {
		t.Errorf("got %+v", got)
	}
}

// Whatever the issuer answers, keys that were good stay good, and when it is back its new ones come in.
func TestJWKSOutage(t *testing.T) {
	t.Parallel()
	k := keys()
	good := jwks(entry(k.rsa.Public(), "1", nil))
	many := make([]any, 101)
	for n := range many {
		many[n] = entry(k.rsa.Public(), fmt.Sprint(n), nil)
	}
	cases := map[string]http.HandlerFunc{
		"500":                  status(500),
		"404 with keys":        func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(404); text(good)(w, r) },
		"204":                  status(204),
		"not modified":         status(304),
		"redirect to nowhere":  status(302),
		"empty":                text(""),
		"HTML":                 text("<html>down for maintenance</html>"),
		"cut short":            text(good[:len(good)-1]),
		"a tail":               text(good + good),
		"array":                text("[]"),
		"null":                 text("null"),
		"no keys":              text("{}"),
		"keys not an array":    text(`{"keys":{}}`),
		"empty set":            text(jwks()),
		"nothing of use":       text(jwks(jwk{"kty": "oct", "k": "AA"}, 7)),
		"too many":             text(jwks(many...)),
		"too large":            text(strings.Repeat(" ", 1<<20) + good),
		"without an end":       endless,
		"connection cut":       func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"redirect in a circle": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, r.URL.Path+"x", http.StatusFound) },
		"redirect to file": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "file:///etc/passwd", http.StatusFound)
		},
		"redirect over http": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://192.0.2.1/", http.StatusFound)
		},
		"nested without an end": text(strings.Repeat("[", 1<<19)),
	}
	for name, answer := range cases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			i := newIssuer(t, entry(k.rsa.Public(), "1", nil))
			v := trusting(t, i.URL, func(o *tokens.Options) { o.CacheSize = -1 })
			old, next := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1"), signer{jwt.SigningMethodES256, k.p256}.token(t, "2")
			verify(t, v, nil, old)

			i.set(answer)
			verify(t, v, tokens.ErrKeyUnknown, next)
			verify(t, v, nil, old)
			if got := v.Stats(); got.JWKSFailures != 1 || got.JWKSReads != 1 {
				t.Errorf("got %+v", got)
			}
			if err := v.Ready(); err != nil {
				t.Error(err)
			}

			i.set(text(jwks(entry(k.p256.Public(), "2", nil))))
			verify(t, v, nil, next)
			verify(t, v, tokens.ErrKeyUnknown, old)
		})
	}
}

func endless(w http.ResponseWriter, _ *http.Request) {
	for {
		if _, err := w.Write(make([]byte, 1<<16)); err != nil {
			return
		}
	}
}

func TestJWKSThatWasNeverThere(t *testing.T) {
	t.Parallel()
	k := keys()
	i := newIssuer(t)
	i.set(status(503))
	v := trusting(t, i.URL+"/secret-path?key=secret-key", func(o *tokens.Options) { o.Secrets = []string{secret} })
	token := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1")
	verify(t, v, tokens.ErrKeysUnavailable, token)
	verify(t, v, nil, craft(secret, hs256, `{`+soon+`}`)) // has a key of its own
	err := v.Ready()
	if !errors.Is(err, tokens.ErrKeysUnavailable) || !strings.Contains(err.Error(), "status 503") || strings.Contains(err.Error(), "secret") {
		t.Errorf("Ready says %v", err)
	}
	if _, ok := v.JWKSAge(); ok {
		t.Error("it has an age")
	}

	i.set(text(jwks(entry(k.rsa.Public(), "1", nil))))
	verify(t, v, nil, token)
	if err := v.Ready(); err != nil {
		t.Error(err)
	}
}

// Made-up kids neither flood the issuer nor hold up those whose key is there.
func TestJWKSFloodOfUnknownKids(t *testing.T) {
	t.Parallel()
	k := keys()
	i := newIssuer(t, entry(k.p256.Public(), "1", nil))
	v := trusting(t, i.URL, func(o *tokens.Options) { o.CacheSize = -1 })
	s := signer{jwt.SigningMethodES256, k.p256}
	verify(t, v, nil, s.token(t, "1"))

	arrived, release := make(chan struct{}), make(chan struct{})
	arrive := sync.OnceFunc(func() { close(arrived) })
	i.set(func(w http.ResponseWriter, r *http.Request) {
		arrive()
		<-release
		text(jwks(entry(k.p256.Public(), "1", nil)))(w, r)
	})
	var flood sync.WaitGroup
	for n := range 300 {
		token := s.token(t, fmt.Sprint("made up ", n))
		flood.Go(func() { verify(t, v, tokens.ErrKeyUnknown, token) })
	}
	receive(t, arrived) // the issuer has been asked, and does not answer
	verify(t, v, nil, s.token(t, "1"), s.token(t, ""))
	close(release)
	flood.Wait()
	for n := range 300 {
		verify(t, v, tokens.ErrKeyUnknown, s.token(t, fmt.Sprint("made up too ", n)))
	}
	if got := i.count(); got > 1+3 {
		t.Errorf("the issuer was asked %d times", got)
	}
}

func TestJWKSRedirects(t *testing.T) {
	t.Parallel()
	k := keys()
	plain := newIssuer(t, entry(k.rsa.Public(), "1", nil))
	secure := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/keys":
			text(jwks(entry(k.rsa.Public(), "1", nil)))(w, r)
		case "/moved":
			http.Redirect(w, r, "/keys", http.StatusMovedPermanently)
		case "/downgrade":
			http.Redirect(w, r, plain.URL, http.StatusFound)
		}
	}))
	t.Cleanup(secure.Close)
	upgrade := newIssuer(t)
	upgrade.set(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, secure.URL+"/keys", http.StatusFound)
	})
	cases := []struct {
		name, url string
		want      error
	}{
		{"none", secure.URL + "/keys", nil},
		{"within https", secure.URL + "/moved", nil},
		{"from http to https", upgrade.URL, nil},
		{"from https to http", secure.URL + "/downgrade", tokens.ErrKeysUnavailable},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			v := trusting(t, c.url, func(o *tokens.Options) {
				o.JWKSTransport, o.AllowInsecureJWKS = secure.Client().Transport, true
			})
			verify(t, v, c.want, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1"))
			if err := v.Ready(); !errors.Is(err, c.want) {
				t.Errorf("Ready says %v", err)
			}
		})
	}
	t.Run("certificate of nobody", func(t *testing.T) {
		t.Parallel()
		verify(t, trusting(t, secure.URL+"/keys", nil), tokens.ErrKeysUnavailable, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1"))
	})
}

func TestJWKSClose(t *testing.T) {
	t.Parallel()
	k := keys()
	i := newIssuer(t, entry(k.rsa.Public(), "1", nil))
	v := trusting(t, i.URL, nil)
	token := signer{jwt.SigningMethodRS256, k.rsa}.token(t, "1")
	verify(t, v, nil, token)
	var closers sync.WaitGroup
	for range 3 {
		closers.Go(func() {
			if err := v.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	closers.Wait()
	before := i.count()
	verify(t, v, nil, token)
	verify(t, v, tokens.ErrKeyUnknown, signer{jwt.SigningMethodRS256, k.rsa}.token(t, "2"), signer{jwt.SigningMethodRS256, k.rsa}.token(t, "2"))
	if got := i.count(); got != before {
		t.Errorf("the issuer was asked %d times after the end", got-before)
	}
}

func TestJWKSCloseEndsARequest(t *testing.T) {
	t.Parallel()
	arrived := make(chan struct{}, 1)
	i := newIssuer(t)
	i.set(func(_ http.ResponseWriter, r *http.Request) {
		arrived <- struct{}{}
		<-r.Context().Done()
	})
	v := trusting(t, i.URL, nil)
	receive(t, arrived)
	token, refused := signer{jwt.SigningMethodRS256, keys().rsa}.token(t, "1"), make(chan error, 1)
	go func() { // ends with the close below
		_, err := v.Verify(t.Context(), token)
		refused <- err
	}()
	_ = v.Close()
	if err := receive(t, refused); !errors.Is(err, tokens.ErrKeysUnavailable) {
		t.Errorf("got %v, want %v", err, tokens.ErrKeysUnavailable)
	}
}

func TestCloseWithoutJWKS(t *testing.T) {
	t.Parallel()
	v := newVerifierAt(t, nil)
	if err := errors.Join(v.Close(), v.Close(), v.Ready()); err != nil {
		t.Error(err)
	}
	if _, ok := v.JWKSAge(); ok {
		t.Error("it has an age")
	}
}
