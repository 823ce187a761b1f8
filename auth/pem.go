package auth

import (
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"strings"
)

// pemBegin is what every block of PEM begins with (RFC 7468 section 3).
const pemBegin = "-----BEGIN "

// parsePEM reads all public keys of a text. Its errors hold nothing of a block's content.
func parsePEM(text string) ([]key, error) {
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
	default:
		return nil, fmt.Errorf("is a %q: use PUBLIC KEY, RSA PUBLIC KEY or CERTIFICATE", block.Type)
	}
	if err != nil {
		return nil, fmt.Errorf("the %s cannot be read: is it damaged?", block.Type)
	}
	return public, nil
}
