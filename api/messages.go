package api

import (
	"context"
	"encoding/json"
	"net/http"

	"chorus/api/rest"
	"chorus/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Message is a message of a history.
type Message struct {
	ID        string              `json:"id"`
	Seq       int64               `json:"seq" doc:"1, 2, 3, ... in the room."`
	Cursor    string              `json:"cursor" doc:"Its place, for before and after."`
	At        int64               `json:"at" doc:"Milliseconds since 1970."`
	From      *Author             `json:"from" doc:"Who said it; null is the system."`
	Event     string              `json:"event,omitempty" doc:"The declared event that it was sent with."`
	Value     json.RawMessage     `json:"value,omitempty" doc:"What was said, unchanged. Missing in a deleted message. Binary values are {base64: TEXT}."`
	Version   int64               `json:"version,omitempty" doc:"2 and more for a message that was edited."`
	EditedAt  int64               `json:"editedAt,omitempty" doc:"Milliseconds since 1970."`
	Deleted   bool                `json:"deleted,omitempty"`
	Mentions  []string            `json:"mentions,omitempty" doc:"Users."`
	Reactions map[string]Reaction `json:"reactions,omitempty" doc:"By key."`
}

// Author is who said a message.
type Author struct {
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// Schema implements huma.SchemaProvider: the author may be null.
func (*Author) Schema(huma.Registry) *huma.Schema {
	return &huma.Schema{
		Type: huma.TypeObject, Nullable: true, Required: []string{"id"},
		Properties: map[string]*huma.Schema{"id": {Type: huma.TypeString}, "name": {Type: huma.TypeString}},
	}
}

// Reaction is how many users have reacted with a key.
type Reaction struct {
	Count int `json:"count"`
}

// MessageList is a page of a history, oldest first.
type MessageList struct {
	Messages []Message `json:"messages"`
	First    string    `json:"first,omitempty" doc:"Cursor of the first message, for before."`
	Last     string    `json:"last,omitempty" doc:"Cursor of the last message, for after."`
	More     bool      `json:"more" doc:"There are more in the direction of reading."`
	Missed   bool      `json:"missed,omitempty" doc:"What the cursor names is kept no more; these are the newest messages."`
	Epoch    string    `json:"epoch,omitempty" doc:"Changes when the history was lost or begun anew: cursors of another one are too old."`
	Next     string    `json:"next,omitempty" doc:"With more: the cursor to go on with, as after if after was given, else as before."`
}

// Edited says what an edit has changed.
type Edited struct {
	ID       string `json:"id"`
	Version  int64  `json:"version"`
	EditedAt int64  `json:"editedAt" doc:"Milliseconds since 1970."`
	Cursor   string `json:"cursor"`
}

// Removed says what was deleted or purged.
type Removed struct {
	ID     string `json:"id,omitempty"`
	Cursor string `json:"cursor,omitempty"`
	Count  int    `json:"count" doc:"Messages that are gone."`
}

type historyInput struct {
	Room   string `path:"room"`
	Before string `query:"before" maxLength:"64" doc:"A cursor: older messages."`
	After  string `query:"after" maxLength:"64" doc:"A cursor: newer messages."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"50"`
}

type editInput struct {
	Room string `path:"room"`
	ID   string `path:"id"`
	Body struct {
		Value   json.RawMessage `json:"value" doc:"The new value."`
		Version int64           `json:"version,omitempty" minimum:"1" doc:"The version that must be in force."`
	}
}

type deleteInput struct {
	Room  string `path:"room"`
	ID    string `path:"id"`
	Purge bool   `query:"purge" doc:"Leaves nothing of the message; without it, history keeps that there was one."`
}

type purgeInput struct {
	Room string `path:"room"`
	User string `query:"user" minLength:"1" maxLength:"250" doc:"Only the messages of this user."`
}

func registerMessages(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "listMessages", Method: http.MethodGet, Path: "/rooms/{room}/messages", Scope: "history:read", Tag: "history",
		Summary: "Read the history of a room", Description: "Oldest first; without a cursor the newest.",
	}, a.listMessages)
	rest.Register(a.API, rest.Operation{
		ID: "editMessage", Method: http.MethodPatch, Path: "/rooms/{room}/messages/{id}", Scope: "history", Tag: "history",
		Summary: "Give a message another value", Description: "The room hears `edited`.",
	}, a.editMessage)
	rest.Register(a.API, rest.Operation{
		ID: "deleteMessage", Method: http.MethodDelete, Path: "/rooms/{room}/messages/{id}", Scope: "history", Tag: "history",
		Summary: "Delete a message", Description: "The room hears `deleted`.",
	}, a.deleteMessage)
	rest.Register(a.API, rest.Operation{
		ID: "purgeMessages", Method: http.MethodDelete, Path: "/rooms/{room}/messages", Scope: "history", Tag: "history",
		Summary: "Remove all messages of a room, or those of a user", Description: "Nothing of them is left.",
	}, a.purgeMessages)
}

func (a *API) listMessages(ctx context.Context, in *historyInput) (*MessageList, error) {
	if p := checkRoom(in.Room); p != nil {
		return nil, p
	}
	if in.Before != "" && in.After != "" {
		return nil, rest.Invalid("query.after", "give before or after, not both")
	}
	page, err := a.opts.Chat.History(ctx, in.Room, chat.PageQuery{Before: in.Before, After: in.After, Limit: in.Limit})
	if err != nil {
		return nil, err
	}
	list := &MessageList{
		Messages: make([]Message, 0, len(page.Messages)), First: page.First, Last: page.Last, More: page.More, Missed: page.Missed, Epoch: page.Epoch,
	}
	for i := range page.Messages {
		m, err := messageOf(&page.Messages[i])
		if err != nil {
			return nil, err
		}
		list.Messages = append(list.Messages, m)
	}
	if page.More {
		if list.Next = page.First; in.After != "" {
			list.Next = page.Last
		}
	}
	return list, nil
}

func messageOf(kept *chat.Message) (Message, error) {
	m := Message{
		ID: kept.ID, Seq: kept.Seq, Cursor: kept.Cursor, At: kept.At, Event: kept.Event, EditedAt: kept.EditedAt, Deleted: kept.Deleted, Mentions: kept.Mentions,
	}
	if kept.User != "" {
		m.From = &Author{ID: kept.User, Name: kept.Name}
	}
	if kept.Version > 1 {
		m.Version = kept.Version
	}
	for _, r := range kept.Reactions {
		if m.Reactions == nil {
			m.Reactions = make(map[string]Reaction)
		}
		m.Reactions[r.Key] = Reaction{r.Count}
	}
	if kept.Deleted {
		return m, nil
	}
	var err error
	m.Value, err = kept.JSON()
	return m, err
}

// checkMessage returns the problem of a message in a path.
func checkMessage(room, id string) *rest.Problem {
	if p := checkRoom(room); p != nil {
		return p
	}
	if !chat.IsMessageID(id) {
		return rest.Invalid("path.id", "the id of a message has 1 to 64 characters A-Z a-z 0-9 _ - .")
	}
	return nil
}

func (a *API) editMessage(ctx context.Context, in *editInput) (*Edited, error) {
	if p := checkMessage(in.Room, in.ID); p != nil {
		return nil, p
	}
	changed, err := a.opts.Chat.Edit(ctx, in.Room, in.ID, in.Body.Value, in.Body.Version)
	if err != nil {
		return nil, err
	}
	return &Edited{ID: in.ID, Version: changed.Version, EditedAt: changed.EditedAt, Cursor: changed.Cursor}, nil
}

func (a *API) deleteMessage(ctx context.Context, in *deleteInput) (*Removed, error) {
	if p := checkMessage(in.Room, in.ID); p != nil {
		return nil, p
	}
	if in.Purge {
		removed, err := a.opts.Chat.Purge(ctx, in.Room, chat.Purge{ID: in.ID})
		return &Removed{ID: in.ID, Count: removed}, err
	}
	changed, err := a.opts.Chat.Delete(ctx, in.Room, in.ID)
	if err != nil {
		return nil, err
	}
	return &Removed{ID: in.ID, Cursor: changed.Cursor, Count: 1}, nil
}

func (a *API) purgeMessages(ctx context.Context, in *purgeInput) (*Removed, error) {
	if p := checkRoom(in.Room); p != nil {
		return nil, p
	}
	what := chat.Purge{Whole: in.User == "", User: in.User}
	if in.User != "" {
		if err := chat.CheckUser(in.User); err != nil {
			return nil, rest.Invalid("query.user", err.Error())
		}
	}
	removed, err := a.opts.Chat.Purge(ctx, in.Room, what)
	return &Removed{Count: removed}, err
}
