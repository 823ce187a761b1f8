package cluster

import (
	"context"

	"chorus/auth/permission"
)

// Permission is what the token of a user says of one action.
type Permission struct {
	Action  string `json:"action"`
	Name    string `json:"name" doc:"The room, event or scope that was asked about; empty for actions without one."`
	Allowed bool   `json:"allowed"`
	Rule    string `json:"rule" doc:"The rule that decides, as: claim chorus.rooms.join \"team-*\"."`
}

type permissionsQuestion struct{ User, Room string }

type permissionsAnswer struct{ Permissions []Permission }

// Permissions returns what the token of one of the connections of a user permits in a room, with the rules that decide.
// It returns nothing for a user who is not connected.
func (c *Nodes) Permissions(ctx context.Context, user, room string) (list []Permission, err error) {
	_, err = Ask(ctx, c, "permissions", permissionsQuestion{user, room}, func(_ string, a permissionsAnswer) {
		if len(list) == 0 {
			list = a.Permissions
		}
	})
	return list, err
}

func (c *Nodes) permissionsHere(q permissionsQuestion) (a permissionsAnswer) {
	for _, cl := range c.ClientsOf(q.User) {
		claims := cl.Claims()
		if claims == nil {
			continue
		}
		for _, action := range permission.Actions() {
			name := ""
			switch {
			case action.IsAboutRoom():
				name = q.Room
			case action == permission.Events:
				name = "*"
			case action == permission.API:
				name = "admin"
			}
			decision := claims.Decide(action, name)
			a.Permissions = append(a.Permissions, Permission{string(action), name, decision.Allowed, decision.Rule()})
		}
		return a
	}
	return a
}
