package token

import (
	"chorus/internal/strictjson"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// Why a part of a token was found malformed. They go to logs inside of ErrMalformed and contain nothing of the token.
var (
	errBase64      = errors.New("not base64url without padding")
	errCritical    = errors.New("crit names extensions")
	errUnencoded   = errors.New("b64 is not true")
	errNoAlgorithm = errors.New("alg is not a string")
	errBadKeyID    = errors.New("kid is not a string of at most 256 bytes")
	errBadType     = errors.New("typ is not a string")
)

// compact is a JWS in compact serialization (RFC 7515 section 7.1), taken apart and not verified.
type compact struct {
	header
	signingInput string // header and payload as they came
	payload      []byte
	signature    []byte
}

// header is what is used of a token's header. jwk, jku, x5u and x5c, with which whoever wrote the token
// would bring a key along, are not (RFC 8725 section 3.10).
type header struct {
	algorithm string
	keyID     string  // kid: compared with names of the JWKS, nothing else; empty when there is none
	typ       *string // nil when there is none
}

// maxKeyIDBytes is the size of the longest kid.
const maxKeyIDBytes = 256

// parseCompact takes a token apart.
func parseCompact(token string) (*compact, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, fmt.Errorf("%w: %d parts instead of 3", ErrMalformed, len(parts))
	}
	head, err := decodeSegment(parts[0])
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	payload, err := decodeSegment(parts[1])
	if err != nil {
		return nil, fmt.Errorf("%w: payload: %w", ErrMalformed, err)
	}
	signature, err := decodeSegment(parts[2])
	if err != nil {
		return nil, fmt.Errorf("%w: signature: %w", ErrMalformed, err)
	}
	parsed, err := parseHeader(head)
	if err != nil {
		return nil, fmt.Errorf("%w: header: %w", ErrMalformed, err)
	}
	return &compact{
		header:       parsed,
		signingInput: token[:len(parts[0])+1+len(parts[1])],
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

func parseHeader(data []byte) (header, error) {
	members, err := strictjson.Parse(string(data))
	if err != nil {
		return header{}, err
	}
	// RFC 7515 section 4.1.11: an extension that is not understood is a reason to refuse, and
	// none is understood here.
	if _, ok := members["crit"]; ok {
		return header{}, errCritical
	}
	// RFC 7797 section 3: with b64 false the signature is over something else than is read here.
	if b64, ok := members["b64"]; ok && b64 != true {
		return header{}, errUnencoded
	}
	var h header
	var ok bool
	if h.algorithm, ok = members["alg"].(string); !ok {
		return header{}, errNoAlgorithm
	}
	h.algorithm = canonicalAlgorithm(h.algorithm)
	if kid, there := members["kid"]; there {
		if h.keyID, ok = kid.(string); !ok || len(h.keyID) > maxKeyIDBytes {
			return header{}, errBadKeyID
		}
	}
	if value, there := members["typ"]; there {
		typ, ok := value.(string)
		if !ok {
			return header{}, errBadType
		}
		h.typ = &typ
	}
	return h, nil
}
