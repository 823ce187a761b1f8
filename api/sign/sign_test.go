package sign_test

import (
	"crypto/ed25519"
	"encoding/base64"
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"chorus/api/sign"
)

// The vector of the specification's reference libraries.
func TestVector(t *testing.T) {
	t.Parallel()
	s, err := sign.New([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "whsec_" + base64.StdEncoding.EncodeToString([]byte("another secret of 32 bytes......"))})
	if err != nil {
		t.Fatal(err)
	}
	h := http.Header{}
	s.Sign(h, "msg_p5jXN8AQM9LWM0D4loKWxJek", time.Unix(1614265330, 0), []byte(`{"test": 2432232314}`))
	signatures := strings.Split(h.Get("webhook-signature"), " ")
	if h.Get("webhook-id") != "msg_p5jXN8AQM9LWM0D4loKWxJek" || h.Get("webhook-timestamp") != "1614265330" || len(signatures) != 2 {
		t.Errorf("%v", h)
	}
	if signatures[0] != "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=" || !strings.HasPrefix(signatures[1], "v1,") {
		t.Errorf("%q", signatures)
	}
}

func TestEd25519(t *testing.T) {
	t.Parallel()
	seed := []byte(strings.Repeat("s", ed25519.SeedSize))
	private := ed25519.NewKeyFromSeed(seed)
	for name, raw := range map[string][]byte{"seed": seed, "seed and public key": private} {
		secret := "whsk_" + base64.StdEncoding.EncodeToString(raw)
		s, err := sign.New([]string{secret})
		if err != nil {
			t.Fatal(name, err)
		}
		h := http.Header{}
		s.Sign(h, "id", time.Unix(7, 0), []byte("{}"))
		signature, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(h.Get("webhook-signature"), "v1a,"))
		public, publicErr := sign.PublicKey(secret)
		if err != nil || publicErr != nil {
			t.Fatal(name, err, publicErr)
		}
		key, _ := base64.StdEncoding.DecodeString(strings.TrimPrefix(public, "whpk_"))
		if !ed25519.Verify(key, []byte("id.7.{}"), signature) {
			t.Errorf("%s: %s does not verify %s", name, public, h.Get("webhook-signature"))
		}
	}
}

func TestSecretsThatAreNone(t *testing.T) {
	t.Parallel()
	wrongPair := append([]byte(strings.Repeat("s", ed25519.SeedSize)), strings.Repeat("p", ed25519.PublicKeySize)...)
	for name, secret := range map[string]string{
		"empty": "", "no prefix": "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "not base64": "whsec_!!!!!!!!!!!!!!!!!!!!!!!!!!!!", "short": "whsec_c2hvcnQ=",
		"a private key that is short": "whsk_c2hvcnQ=", "a public key": "whpk_" + base64.StdEncoding.EncodeToString(wrongPair[:32]),
		"a private key with another public one": "whsk_" + base64.StdEncoding.EncodeToString(wrongPair),
	} {
		_, err := sign.New([]string{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", secret})
		if !errors.Is(err, sign.ErrSecret) || !strings.Contains(err.Error(), "secret 2 of 2") {
			t.Errorf("%s: %v", name, err)
		}
		if len(secret) > 6 && strings.Contains(err.Error(), secret[6:]) {
			t.Errorf("%s: the error tells the secret", name)
		}
	}
	if _, err := sign.New(nil); err == nil {
		t.Error("no secret")
	}
}
