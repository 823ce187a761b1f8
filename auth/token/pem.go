package token

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// pemBegin is what every block of PEM begins with (RFC 7468 section 3).
const pemBegin = "-----BEGIN "

var (
	pemBlock = regexp.MustCompile(`(?s)-----BEGIN ([A-Z0-9 ]+)-----([^-]*)-----END ([A-Z0-9 ]+)-----`)

	// escapes are what becomes of line breaks in variables and JSON files. Base64 has no backslash.
	escapes = strings.NewReplacer(`\r`, "\n", `\n`, "\n", "\r", "\n")
)

// NormalizePEM returns a PEM text as a parser wants it, from what variables, files and secret stores make of it: line
// breaks written as \n, all on one line, CRLF, a byte order mark, the whole text in base64. Other texts are
// returned as they are, and then have no block.
func NormalizePEM(text string) string {
	if !strings.Contains(text, pemBegin) {
		decoded, err := base64.StdEncoding.DecodeString(strings.Join(strings.Fields(text), ""))
		if err != nil || !strings.Contains(string(decoded), pemBegin) {
			return text
		}
		text = string(decoded)
	}
	return pemBlock.ReplaceAllStringFunc(escapes.Replace(text), func(block string) string {
		part := pemBlock.FindStringSubmatch(block)
		return "\n-----BEGIN " + part[1] + "-----\n" + strings.Join(strings.Fields(part[2]), "") + "\n-----END " + part[3] + "-----\n"
	})
}

// IsPEM reports whether a text has a block of PEM, in any form that NormalizePEM understands.
func IsPEM(text string) bool { return strings.Contains(NormalizePEM(text), pemBegin) }

// parsePEM reads all public keys of a text. Its errors hold nothing of a block's content.
func parsePEM(text string) ([]key, error) {
	text = NormalizePEM(text)
	blocks := strings.Count(text, pemBegin)
	if blocks == 0 {
		return nil, errors.New("is not a PEM text, which begins with -----BEGIN PUBLIC KEY-----")
	}
	keys := make([]key, 0, blocks)
	for rest := []byte(text); len(keys) < blocks; {
		var block *pem.Block
		// Blocks that cannot be read are skipped without an error, so they are counted.
		if block, rest = pem.Decode(rest); block == nil {
			return nil, fmt.Errorf("has %d blocks of PEM, of which only %d can be read: is one cut short?", blocks, len(keys))
		}
		public, err := parseBlock(block)
		if err != nil {
			return nil, fmt.Errorf("block %d of %d: %w", len(keys)+1, blocks, err)
		}
		can, err := algorithmsOf(public)
		if err != nil {
			return nil, fmt.Errorf("block %d of %d: %w", len(keys)+1, blocks, err)
		}
		keys = append(keys, key{material: public, algorithms: can})
	}
	return keys, nil
}

func parseBlock(block *pem.Block) (public any, err error) {
	switch {
	case block.Type == "PUBLIC KEY":
		public, err = x509.ParsePKIXPublicKey(block.Bytes)
	case block.Type == "RSA PUBLIC KEY":
		public, err = x509.ParsePKCS1PublicKey(block.Bytes)
	case block.Type == "CERTIFICATE":
		var certificate *x509.Certificate
		if certificate, err = x509.ParseCertificate(block.Bytes); err == nil {
			public = certificate.PublicKey
		}
	case strings.HasSuffix(block.Type, "PRIVATE KEY"):
		return nil, errors.New("is a private key, which only the issuer of tokens may have: the public one belongs here (openssl pkey -in key.pem -pubout)")
	case slices.Contains([]string{"CERTIFICATE REQUEST", "X509 CRL", "EC PARAMETERS", "DH PARAMETERS"}, block.Type):
		return nil, fmt.Errorf("is a %q: use PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE", block.Type)
	default: // the name of the block may be anything, a key among them
		return nil, errors.New("is a block of another kind: use PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE")
	}
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be read: is it damaged?", block.Type)
	}
	return public, nil
}
