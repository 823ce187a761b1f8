// Package request has what the engine reads of HTTP requests: a compact form that sessions keep, the query as Node.js reads
// it, and deadlines for bodies and answers.
package request

import (
	"crypto/tls"
	"net/http"
	"net/url"
	"strings"
	"unique"
)

// Compact is what a session keeps of the request of its handshake: less than half of an http.Request, which holds maps and
// the buffers of its connection. Names of headers, and the values that many clients have in common, are kept once for
// all sessions.
type Compact struct {
	method, host, remoteAddr, uri string
	path, rawPath, rawQuery       string // of the URL, which middlewares may have changed
	proto                         unique.Handle[string]
	major, minor                  int
	tls                           *tls.ConnectionState
	common                        []commonHeader
	own                           []ownHeader
}

type commonHeader struct{ name, value unique.Handle[string] }

type ownHeader struct {
	name  unique.Handle[string]
	value string
}

// isCommon has the headers whose values many clients share and that hold nothing private.
var isCommon = map[string]bool{
	"Accept": true, "Accept-Encoding": true, "Accept-Language": true, "Cache-Control": true, "Connection": true,
	"Content-Type": true, "Dnt": true, "Origin": true, "Pragma": true, "Priority": true, "Sec-Ch-Ua": true,
	"Sec-Ch-Ua-Mobile": true, "Sec-Ch-Ua-Platform": true, "Sec-Fetch-Dest": true, "Sec-Fetch-Mode": true,
	"Sec-Fetch-Site": true, "Sec-Websocket-Extensions": true, "Sec-Websocket-Protocol": true,
	"Sec-Websocket-Version": true, "Upgrade": true, "User-Agent": true, "X-Forwarded-Host": true, "X-Forwarded-Proto": true,
}

// Keep returns the compact form of a request.
func Keep(r *http.Request) *Compact {
	k := &Compact{
		method: r.Method, host: strings.Clone(r.Host), remoteAddr: r.RemoteAddr, uri: r.RequestURI,
		path: r.URL.Path, rawPath: r.URL.RawPath, rawQuery: r.URL.RawQuery,
		proto: unique.Make(r.Proto), major: r.ProtoMajor, minor: r.ProtoMinor, tls: r.TLS,
	}
	common, own := 0, 0
	for name, values := range r.Header {
		if isCommon[name] {
			common += len(values)
		} else {
			own += len(values)
		}
	}
	k.common, k.own = make([]commonHeader, 0, common), make([]ownHeader, 0, own)
	for name, values := range r.Header {
		known := unique.Make(name)
		for _, value := range values {
			if isCommon[name] {
				k.common = append(k.common, commonHeader{known, unique.Make(value)})
			} else {
				k.own = append(k.own, ownHeader{known, value})
			}
		}
	}
	return k
}

// Request returns the request as it was, without its connection and its body.
func (k *Compact) Request() *http.Request {
	r := &http.Request{
		Method: k.method, URL: &url.URL{Path: k.path, RawPath: k.rawPath, RawQuery: k.rawQuery},
		Proto: k.proto.Value(), ProtoMajor: k.major, ProtoMinor: k.minor,
		Header: make(http.Header, len(k.common)+len(k.own)),
		Host:   k.host, RemoteAddr: k.remoteAddr, RequestURI: k.uri, TLS: k.tls, Body: http.NoBody,
	}
	for _, h := range k.common {
		r.Header[h.name.Value()] = append(r.Header[h.name.Value()], h.value.Value())
	}
	for _, h := range k.own {
		r.Header[h.name.Value()] = append(r.Header[h.name.Value()], h.value)
	}
	return r
}
