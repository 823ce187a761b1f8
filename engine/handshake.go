package engine

import (
	"encoding/json"
	"net/http"
	"net/url"
	"time"

	"chorus/engine/message"
	"chorus/engine/request"

	"github.com/zishang520/socket.io/v3/pkg/types"
)

// handshake is the data of an OPEN packet (Engine.IO protocol: handshake).
type handshake struct {
	SID          string   `json:"sid"`
	Upgrades     []string `json:"upgrades"`
	PingInterval int64    `json:"pingInterval"` // milliseconds
	PingTimeout  int64    `json:"pingTimeout"`  // milliseconds
	MaxPayload   int64    `json:"maxPayload"`   // bytes
}

// newConn makes a session, or returns why it is refused. Nothing is sent yet.
func (s *Server) newConn(r *http.Request, query url.Values, transport string) (*Conn, *types.CodeMessage) {
	c := &Conn{
		server:   s,
		shard:    s.shards[s.next.Add(1)%uint64(len(s.shards))],
		id:       s.opts.GenerateID(r),
		protocol: 4,
		born:     time.Now(),
		request:  request.Keep(r),
		address:  s.opts.RemoteAddress(r),
	}
	if s.revision(query) == "3" {
		c.protocol = 3
	}
	c.base64 = query.Has("b64")
	c.timer.Owner = c
	c.websocket.Store(transport == WebSocket)
	c.beganPolling = transport == Polling
	if s.opts.Guard != nil {
		c.bounds = s.opts.Guard(c)
	}
	if refusal := s.admit(c); refusal != nil {
		return nil, refusal
	}
	return c, nil
}

// open begins a session whose transport is still to be attached: what is sent meanwhile waits, the
// OPEN packet first. So the program's listeners stand before the client can say anything.
func (s *Server) open(c *Conn) {
	data, _ := json.Marshal(handshake{ // it cannot fail: texts and numbers
		SID:          c.id,
		Upgrades:     s.Upgrades(c.Transport().Name()),
		PingInterval: s.opts.PingInterval.Milliseconds(),
		PingTimeout:  s.opts.PingTimeout.Milliseconds(),
		MaxPayload:   s.opts.MaxPayload,
	})
	c.SendMessage(message.NewPacket(message.TypeOpen, string(data)))
	c.startHeartbeat()
	c.announce()
}
