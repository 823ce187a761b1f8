package auth

import "github.com/zishang520/socket.io/servers/socket/v3"

// Extend adds claims to those of a socket that has authenticated, until its token is replaced. Permissions among them
// count as those of a token. Registered claims are left as they are. An error means that the claims are not those that a
// token could have, and nothing was added.
func Extend(s *socket.Socket, more map[string]any) error {
	claims := FromSocket(s)
	if claims == nil || len(more) == 0 {
		return nil
	}
	extended, err := claims.With(more)
	if err != nil {
		return err
	}
	remember(s, extended)
	return nil
}
