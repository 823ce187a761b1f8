package view

import (
	"encoding/json"

	"chorus/chat/store"
)

// presentUser is how clients see a user in a room.
type presentUser struct {
	ID      string          `json:"id"`
	Name    string          `json:"name,omitempty"`
	Since   int64           `json:"since"`
	Devices int             `json:"devices"`
	Data    json.RawMessage `json:"data,omitempty"`
}

// Users returns users of a room as clients get them.
func Users(list []store.Present) []presentUser {
	users := make([]presentUser, len(list))
	for i, p := range list {
		users[i] = presentUser{ID: p.User, Name: p.Name, Since: p.Since, Devices: p.Devices, Data: p.Data}
	}
	return users
}

// UserPage returns what clients get of a page of users.
func UserPage(page store.PresencePage) map[string]any {
	list := map[string]any{"users": Users(page.Users)}
	if page.Next != "" {
		list["next"] = page.Next
	}
	return list
}
