package node

import (
	"context"
	"sync/atomic"
	"time"

	"chorus/api/rest"
	"chorus/auth"
	"chorus/node/adminui"

	"github.com/zishang520/socket.io/servers/engine/v3"
	"github.com/zishang520/socket.io/servers/socket/v3"
)

// adminSession is how long the admin UI may come back without name and password.
const adminSession = 12 * time.Hour

// adminScope is what a key needs for the admin UI; with ":read" it may look, and change nothing.
const adminScope = "admin"

// openAdminUI opens the namespace of the official admin UI, once there is a key that may use it.
func (n *Node) openAdminUI() error {
	if n.adminUI.Load() != nil || !n.api.HasScope(adminScope+":read") {
		return nil
	}
	var opened atomic.Uint64
	if err := n.engine.On("connection", func(...any) { opened.Add(1) }); err != nil {
		return err
	}
	ui, err := adminui.New(adminui.Options{
		IO: n.io, SignIn: n.signInAdmin, User: userOfSocket, Server: n.nodes.ID(),
		Figures: func() adminui.Figures {
			stats := n.engine.Stats()
			return adminui.Figures{
				Connections: n.engine.ClientsCount(), Opened: opened.Load(), Polling: n.pollingClients(),
				Received: stats.Received.Load(), Sent: stats.Sent.Load(),
			}
		},
	})
	if err == nil {
		n.adminUI.Store(ui)
	}
	return err
}

// pollingClients counts the connections by long-polling among the first of all.
func (n *Node) pollingClients() (count uint64) {
	looked := 0
	n.engine.Clients().Range(func(_ string, conn engine.Socket) bool {
		if conn.Transport().Name() == "polling" {
			count++
		}
		looked++
		return looked < maxLooked
	})
	return count
}

// maxLooked bounds the connections that are looked at for a figure.
const maxLooked = 10_000

// signInAdmin says what a user of the admin UI may do: one with an API key, or "jwt" with a token.
func (n *Node) signInAdmin(ctx context.Context, c adminui.Credentials) (adminui.Access, error) {
	var access *rest.Access
	err := rest.ErrSignIn
	if c.Session != "" {
		access, err = n.api.ResumeSession(c.Session)
	}
	switch {
	case err == nil:
	case c.Username == "jwt":
		access, err = n.api.SignIn(ctx, "", c.Password)
	case c.Username != "":
		access, err = n.api.SignIn(ctx, c.Username, c.Password)
	}
	if err != nil || !access.May(adminScope+":read") {
		return adminui.Access{}, adminui.ErrCredentials
	}
	return adminui.Access{ReadOnly: !access.May(adminScope), Session: n.api.Session(access, adminSession)}, nil
}

// userOfSocket is what the admin UI shows of the user of a socket.
func userOfSocket(s *socket.Socket) map[string]any {
	claims := auth.FromSocket(s)
	if claims == nil {
		return map[string]any{}
	}
	return map[string]any{"user": claims.Subject(), "token": claims.ID()}
}

// exceptAdminUI keeps a middleware away from the namespace of the admin UI, which signs its users in by itself. While there
// is no admin UI, a namespace of that name is like any other.
func (n *Node) exceptAdminUI(middleware socket.NamespaceMiddleware) socket.NamespaceMiddleware {
	return func(s *socket.Socket, next func(*socket.ExtendedError)) {
		if s.Nsp().Name() == adminui.Name && n.adminUI.Load() != nil {
			next(nil)
			return
		}
		middleware(s, next)
	}
}
