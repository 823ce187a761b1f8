package token

import (
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// SecretEncoding says how a secret is written.
type SecretEncoding string

// The encodings. Issuers that make secrets of random bytes hand them out as base64 or hex.
const (
	EncodingText   SecretEncoding = "text"   // the secret is the text itself
	EncodingBase64 SecretEncoding = "base64" // standard or URL alphabet, with or without padding
	EncodingHex    SecretEncoding = "hex"
)

// DecodeSecret returns the bytes of a secret. The error holds nothing of the secret; it wraps ErrBadOption when
// the encoding is unknown.
func DecodeSecret(text string, encoding SecretEncoding) (string, error) {
	switch encoding {
	case "", EncodingText:
		return text, nil
	case EncodingBase64:
		text = strings.NewReplacer("-", "+", "_", "/").Replace(strings.TrimRight(strings.TrimSpace(text), "="))
		secret, err := base64.RawStdEncoding.DecodeString(text)
		if err != nil {
			return "", errors.New("is not base64: correct it or the encoding")
		}
		return string(secret), nil
	case EncodingHex:
		secret, err := hex.DecodeString(strings.TrimSpace(text))
		if err != nil {
			return "", errors.New("is not hexadecimal: correct it or the encoding")
		}
		return string(secret), nil
	}
	return "", fmt.Errorf("%w: secret encoding %q: use text, base64 or hex", ErrBadOption, encoding)
}
