package api

import (
	"encoding/json"
	"fmt"
	"reflect"

	"chorus/api/rest"
	"chorus/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Target says for which clients something is.
type Target struct {
	Everyone bool     `json:"everyone,omitempty" doc:"All clients."`
	Rooms    []string `json:"rooms,omitempty" maxItems:"100" doc:"Clients in any of these rooms."`
	Users    []string `json:"users,omitempty" maxItems:"1000" doc:"All sockets of these users."`
	Sockets  []string `json:"sockets,omitempty" maxItems:"1000" doc:"Sockets, by their ids."`
}

// check returns the problem of a target in a body.
func (t *Target) check(location string) *rest.Problem {
	for kind, check := range map[string]struct {
		names []string
		fault func(string) error
	}{
		"rooms":   {t.Rooms, chat.CheckRoom},
		"users":   {t.Users, chat.CheckUser},
		"sockets": {t.Sockets, checkSocket},
	} {
		for i, name := range check.names {
			if err := check.fault(name); err != nil {
				return rest.Invalid(fmt.Sprintf("%s.%s[%d]", location, kind, i), err.Error())
			}
		}
	}
	return nil
}

func checkSocket(id string) error {
	if chat.IsSocketID(id) {
		return nil
	}
	return errSocketID
}

// target returns the target for package chat.
func (t *Target) target() chat.Target {
	return chat.Target{Everyone: t.Everyone, Rooms: t.Rooms, Users: t.Users, Sockets: t.Sockets}
}

// Except are clients that do not hear something: a list of rooms and ids of sockets, as in Socket.IO, or an object.
type Except struct {
	Rooms   []string `json:"rooms,omitempty"`
	Users   []string `json:"users,omitempty"`
	Sockets []string `json:"sockets,omitempty"`
}

// exceptObject is the object form, without the methods of Except.
type exceptObject struct {
	Rooms   []string `json:"rooms,omitempty" maxItems:"100" doc:"Not the clients in any of these rooms."`
	Users   []string `json:"users,omitempty" maxItems:"1000" doc:"Not the sockets of these users."`
	Sockets []string `json:"sockets,omitempty" maxItems:"1000" doc:"Not these sockets."`
}

// UnmarshalJSON implements json.Unmarshaler.
func (e *Except) UnmarshalJSON(data []byte) error {
	var list []string
	if json.Unmarshal(data, &list) == nil {
		for _, name := range list {
			if chat.IsSocketID(name) {
				e.Sockets = append(e.Sockets, name)
			} else {
				e.Rooms = append(e.Rooms, name)
			}
		}
		return nil
	}
	return json.Unmarshal(data, (*exceptObject)(e))
}

// Schema implements huma.SchemaProvider.
func (*Except) Schema(r huma.Registry) *huma.Schema {
	most := chat.MaxTargetRooms
	return &huma.Schema{
		Description: "Clients that do not hear it: rooms and ids of sockets, or {rooms, users, sockets}.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeArray, Items: &huma.Schema{Type: huma.TypeString}, MaxItems: &most},
			r.Schema(reflect.TypeFor[exceptObject](), true, "Except"),
		},
	}
}

// Sender is who says something, as receivers see it: an id, or {id, name}.
type Sender struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// senderObject is the object form, without the methods of Sender.
type senderObject struct {
	ID   string `json:"id" minLength:"1" maxLength:"250" doc:"The user."`
	Name string `json:"name,omitempty" maxLength:"256"`
}

// UnmarshalJSON implements json.Unmarshaler.
func (s *Sender) UnmarshalJSON(data []byte) error {
	if json.Unmarshal(data, &s.ID) == nil {
		return nil
	}
	return json.Unmarshal(data, (*senderObject)(s))
}

// Schema implements huma.SchemaProvider.
func (*Sender) Schema(r huma.Registry) *huma.Schema {
	least, most := 1, 250
	return &huma.Schema{
		Description: "Who says it, as receivers see it: the id of a user, or {id, name}. Without it, the system does.",
		OneOf: []*huma.Schema{
			{Type: huma.TypeString, MinLength: &least, MaxLength: &most},
			r.Schema(reflect.TypeFor[senderObject](), true, "Sender"),
		},
	}
}
