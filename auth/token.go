package auth

import (
	"encoding/base64"
	"fmt"
	"strings"
)

// compact is a JWS in compact serialization (RFC 7515 section 7.1), taken apart and not verified.
type compact struct {
	signingInput string // header and payload as they came
	algorithm    string
	payload      []byte
	signature    []byte
}

// parseCompact takes a token apart. Of the header only alg is used: kid, jwk, jku, x5u and x5c
// come from whoever wrote the token and name no key here (RFC 8725 section 3.10).
func parseCompact(token string) (*compact, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: %d parts instead of 3", ErrTokenMalformed, len(parts))
	}
	header, err := decodeSegment(parts[0])
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrTokenMalformed, err)
	}
	payload, err := decodeSegment(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrTokenMalformed, err)
	}
	signature, err := decodeSegment(parts[2])
	if err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrTokenMalformed, err)
	}
	algorithm, err := parseHeader(header)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrTokenMalformed, err)
	}
	return &compact{
		signingInput: token[:len(parts[0])+1+len(parts[1])],
		algorithm:    algorithm,
		payload:      payload,
		signature:    signature,
	}, nil
}

// segments is base64url without padding and with zero trailing bits (RFC 7515 section 2), so that
// no two texts stand for the same bytes.
var segments = base64.RawURLEncoding.Strict()

func decodeSegment(segment string) ([]byte, error) {
	// encoding/base64 skips line breaks even when it is strict.
	if strings.ContainsAny(segment, "\r\n") {
		return nil, errBase64
	}
	data, err := segments.DecodeString(segment)
	if err != nil {
		return nil, errBase64
	}
	return data, nil
}

func parseHeader(data []byte) (algorithm string, err error) {
	header, err := parseObject(data)
	if err != nil {
		return "", err
	}
	// RFC 7515 section 4.1.11: an extension that is not understood is a reason to refuse, and
	// none is understood here.
	if _, ok := header["crit"]; ok {
		return "", errCritical
	}
	// RFC 7797 section 3: with b64 false the signature is over something else than is read here.
	if b64, ok := header["b64"]; ok && b64 != true {
		return "", errUnencoded
	}
	algorithm, ok := header["alg"].(string)
	if !ok {
		return "", errNoAlgorithm
	}
	return algorithm, nil
}
