package forward

import (
	"bufio"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"time"

	"chorus/registry"
)

// Path is where a node takes links of other nodes, on its public address.
const Path = "/.chorus/link"

// Names of the handshake of a link.
const (
	linkProtocol = "chorus-link"
	nonceHeader  = "Chorus-Nonce"
	proofHeader  = "Chorus-Proof"
	exporter     = "EXPORTER-chorus-link"
	nonceBytes   = 32
)

// linkTimeout bounds the handshake of a link, connecting included.
const linkTimeout = time.Second

// errLink means that a node could not be reached, or is not the one that it should be.
var errLink = errors.New("the other node cannot be reached")

// proof proves that a side knows the key. It depends on the nonces of both sides, so it is of no use a second
// time, and on the keys of the TLS connection, if there is one, so it is of no use to those who sit between.
func proof(key []byte, side string, channel, client, server []byte) []byte {
	mac := hmac.New(sha256.New, key)
	for _, part := range [][]byte{[]byte(linkProtocol), []byte(side), channel, client, server} {
		_, _ = mac.Write([]byte{byte(len(part))}) // never fails; no part is longer than 255 bytes
		_, _ = mac.Write(part)
	}
	return mac.Sum(nil)
}

// channelOf returns what is particular to a TLS connection (RFC 9266, RFC 5705), nil without TLS.
func channelOf(state *tls.ConnectionState) ([]byte, error) {
	if state == nil {
		return nil, nil
	}
	return state.ExportKeyingMaterial(exporter, nil, nonceBytes)
}

func newNonce() []byte {
	nonce := make([]byte, nonceBytes)
	_, _ = rand.Read(nonce) // never fails
	return nonce
}

// dialByID is the dialer of the transport, whose host names are ids of nodes.
func (f *Forwarder) dialByID(ctx context.Context, _, address string) (net.Conn, error) {
	id, _, _ := strings.Cut(address, ":")
	node, ok := f.opts.Nodes.Find(id)
	if !ok || !f.reach.may(id) {
		return nil, fmt.Errorf("%w: it is gone, or was not reached a moment ago", errLink)
	}
	return f.dial(ctx, node)
}

// dial opens a link to a node.
func (f *Forwarder) dial(ctx context.Context, node registry.Node) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, linkTimeout)
	defer cancel()
	conn, err := dialLink(ctx, node)
	if err != nil {
		f.reach.failed(node.ID)
		f.log.Debug("a link was not opened", slog.String("node", node.ID), slog.String("address", node.Address), slog.Any("error", err))
		return nil, fmt.Errorf("%w: %w", errLink, err)
	}
	f.reach.reached(node.ID)
	return conn, nil
}

func dialLink(ctx context.Context, node registry.Node) (net.Conn, error) {
	if len(node.Key) == 0 || node.Address == "" {
		return nil, errors.New("it takes no requests of other nodes")
	}
	conn, err := new(net.Dialer).DialContext(ctx, "tcp", node.Address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	linked, err := openLink(ctx, conn, node)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return linked, nil
}

// openLink is the side of the handshake that dials.
func openLink(ctx context.Context, conn net.Conn, node registry.Node) (net.Conn, error) {
	var channel []byte
	if node.TLS {
		secure := tls.Client(conn, &tls.Config{
			InsecureSkipVerify: true, //nolint:gosec // the proof of the other side depends on the keys of the connection
			MinVersion:         tls.VersionTLS13,
			NextProtos:         []string{"http/1.1"},
		})
		if err := secure.HandshakeContext(ctx); err != nil {
			return nil, err
		}
		state := secure.ConnectionState()
		var err error
		if channel, err = channelOf(&state); err != nil {
			return nil, err
		}
		conn = secure
	}
	mine := newNonce()
	if _, err := fmt.Fprintf(conn, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n\r\n",
		Path, node.Address, linkProtocol, nonceHeader, base64.StdEncoding.EncodeToString(mine)); err != nil {
		return nil, err
	}
	in := bufio.NewReaderSize(conn, 4<<10)
	answer, err := http.ReadResponse(in, nil)
	if err != nil {
		return nil, err
	}
	_ = answer.Body.Close() // an answer with 101 has none
	if answer.StatusCode != http.StatusSwitchingProtocols {
		return nil, fmt.Errorf("it answers with %d", answer.StatusCode)
	}
	theirs, err := base64.StdEncoding.DecodeString(answer.Header.Get(nonceHeader))
	if err != nil || len(theirs) != nonceBytes {
		return nil, errors.New("it answers without a nonce")
	}
	shown, err := base64.StdEncoding.DecodeString(answer.Header.Get(proofHeader))
	if err != nil || !hmac.Equal(shown, proof(node.Key, "server", channel, mine, theirs)) {
		return nil, errors.New("another program, or another node, is at its address")
	}
	if _, err := conn.Write(proof(node.Key, "client", channel, mine, theirs)); err != nil {
		return nil, err
	}
	if ok, err := in.ReadByte(); err != nil || ok != linkReady || in.Buffered() > 0 {
		return nil, errors.New("it does not take the proof of this node")
	}
	return conn, nil
}

// linkReady is the byte with which a node says that it takes requests on a link.
const linkReady = '+'

// ServeLink takes a link of another node. A stranger, who does not know the key, learns nothing.
func (f *Forwarder) ServeLink(w http.ResponseWriter, r *http.Request) {
	theirs, err := base64.StdEncoding.DecodeString(r.Header.Get(nonceHeader))
	if f.opts.Off || r.Header.Get("Upgrade") != linkProtocol || err != nil || len(theirs) != nonceBytes || r.ContentLength != 0 {
		w.Header().Set("Connection", "close")
		http.Error(w, "not found", http.StatusNotFound)
		return
	}
	channel, err := channelOf(r.TLS)
	if err != nil {
		http.Error(w, "TLS 1.3 is needed", http.StatusBadRequest)
		return
	}
	control := http.NewResponseController(w)
	conn, buffered, err := control.Hijack()
	if err != nil {
		http.Error(w, "HTTP/1.1 is needed", http.StatusBadRequest)
		return
	}
	_ = conn.SetDeadline(time.Now().Add(linkTimeout))
	mine, key := newNonce(), f.opts.Nodes.Self().Key
	_, err = fmt.Fprintf(conn, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n%s: %s\r\n%s: %s\r\n\r\n",
		linkProtocol, nonceHeader, base64.StdEncoding.EncodeToString(mine),
		proofHeader, base64.StdEncoding.EncodeToString(proof(key, "server", channel, theirs, mine)))
	shown := make([]byte, sha256.Size)
	if err == nil {
		_, err = io.ReadFull(buffered, shown)
	}
	if err != nil || buffered.Reader.Buffered() > 0 || !hmac.Equal(shown, proof(key, "client", channel, theirs, mine)) {
		f.stats.Strange.Add(1)
		_ = conn.Close()
		return
	}
	if _, err := conn.Write([]byte{linkReady}); err != nil {
		_ = conn.Close()
		return
	}
	_ = conn.SetDeadline(time.Time{})
	f.stats.Taken.Add(1)
	if !f.links.give(conn) {
		_ = conn.Close()
	}
}
