package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"time"
)

const (
	jwksTimeout      = 10 * time.Second // of one request with all its redirects, to the last byte
	maxJWKSBytes     = 1 << 20          // after decompression
	maxJWKSRedirects = 5
)

// jwksFetch reads the text of a JWKS.
type jwksFetch func(context.Context) ([]byte, error)

// newJWKSFetch is for the JWKS at a URL. Its keys decide who comes in, so it is read over TLS only, where
// nobody on the way can replace them, unless insecure.
func newJWKSFetch(address string, insecure bool, transport http.RoundTripper) (jwksFetch, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		// The error of url.Parse would repeat the address, which may hold a password.
		return nil, errors.New("this is not a URL such as https://login.example.com/.well-known/jwks.json")
	}
	if err := checkJWKSURL(u, insecure); err != nil {
		return nil, err
	}
	if transport == nil {
		// One request in minutes needs no connection that stays open.
		transport = &http.Transport{Proxy: http.ProxyFromEnvironment, ForceAttemptHTTP2: true, DisableKeepAlives: true}
	}
	client := &http.Client{Transport: transport, Timeout: jwksTimeout, CheckRedirect: func(req *http.Request, via []*http.Request) error {
		switch {
		case len(via) > maxJWKSRedirects:
			return fmt.Errorf("more than %d redirects", maxJWKSRedirects)
		case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
			return errors.New("a redirect from https to http")
		}
		return checkJWKSURL(req.URL, insecure)
	}}
	return func(ctx context.Context) ([]byte, error) {
		data, err := fetchJWKS(ctx, client, u)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", u.Host, err)
		}
		return data, nil
	}, nil
}

func checkJWKSURL(u *url.URL, insecure bool) error {
	switch {
	case u.Scheme == "https", u.Scheme == "http" && (insecure || isLoopback(u.Hostname())):
		return nil
	case u.Scheme == "http":
		return errors.New("over http anybody on the way could put in keys of their own: use https")
	}
	return errors.New("the URL must begin with https://")
}

func isLoopback(host string) bool {
	address, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && address.Unmap().IsLoopback()
}

func fetchJWKS(ctx context.Context, client *http.Client, u *url.URL) ([]byte, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), http.NoBody)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	resp, err := client.Do(req)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("the issuer answers with status %d instead of 200", resp.StatusCode)
	}
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxJWKSBytes+1))
	switch {
	case err != nil:
		return nil, withoutURL(err)
	case len(data) > maxJWKSBytes:
		return nil, fmt.Errorf("the answer is longer than %d bytes", maxJWKSBytes)
	}
	return data, nil
}

// withoutURL takes the address out of an error: its query may hold a key of the issuer's service.
func withoutURL(err error) error {
	var timeout net.Error
	if errors.As(err, &timeout) && timeout.Timeout() {
		return errors.New("no answer in time")
	}
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
