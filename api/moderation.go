package api

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"math"
	"net/http"
	"time"

	"chorus/api/rest"
	"chorus/chat"
)

// Measure is one act of moderation.
type Measure struct {
	Action  string  `json:"action" enum:"mute,unmute,kick,ban,unban,slow,freeze"`
	Room    *string `json:"room,omitempty" doc:"The room; null or missing is everywhere. slow and freeze need one."`
	User    string  `json:"user,omitempty" maxLength:"250" doc:"Of all but slow and freeze."`
	For     float64 `json:"for,omitempty" exclusiveMinimum:"0" maximum:"3162240000" doc:"Seconds that a mute or ban lasts; without it, it does not end."`
	Reason  string  `json:"reason,omitempty" maxLength:"1000"`
	Seconds int     `json:"seconds,omitempty" minimum:"0" maximum:"86400" doc:"Of slow: seconds between two messages of a user; 0 switches it off."`
	On      *bool   `json:"on,omitempty" doc:"Of freeze: whether nobody may speak."`
	By      string  `json:"by,omitempty" maxLength:"250" doc:"The moderator, as those concerned see it; default the system."`
}

// MeasureTaken is the answer to a measure.
type MeasureTaken struct {
	ID     string  `json:"id,omitempty" doc:"Of what can be taken back by DELETE /moderation/{id}."`
	Action string  `json:"action"`
	Room   *string `json:"room"`
	User   string  `json:"user,omitempty"`
	Until  int64   `json:"until,omitempty" doc:"When it ends, in milliseconds since 1970."`
}

// Bar keeps a user silent or out.
type Bar struct {
	ID     string  `json:"id" doc:"For DELETE /moderation/{id}."`
	Action string  `json:"action" doc:"mute or ban."`
	Room   *string `json:"room" doc:"null is everywhere."`
	User   string  `json:"user"`
	Until  int64   `json:"until,omitempty" doc:"When it ends, in milliseconds since 1970; without it, it does not end."`
	Reason string  `json:"reason,omitempty"`
	By     *string `json:"by" doc:"The moderator; null is the system."`
	At     int64   `json:"at" doc:"Milliseconds since 1970."`
}

// Report is a message that a user finds wrong.
type Report struct {
	ID     string `json:"id" doc:"The message."`
	By     string `json:"by"`
	Reason string `json:"reason"`
	At     int64  `json:"at" doc:"Milliseconds since 1970."`
}

// ModerationList is what is in force in a room, or everywhere.
type ModerationList struct {
	Room    *string  `json:"room"`
	Bars    []Bar    `json:"bars"`
	Slow    int      `json:"slow" doc:"Seconds between two messages of a user; 0 is off."`
	Frozen  bool     `json:"frozen" doc:"Nobody may speak."`
	Reports []Report `json:"reports,omitempty" doc:"Newest first, on the first page."`
	Next    string   `json:"next,omitempty" doc:"The cursor of the next page; missing at the end."`
}

type measureInput struct{ Body Measure }

type moderationInput struct {
	Room   string `query:"room" maxLength:"255" doc:"The room; without it, everywhere."`
	Cursor string `query:"cursor" maxLength:"1024" doc:"Next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"200" default:"100"`
}

type liftInput struct {
	ID string `path:"id"`
}

func registerModeration(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "moderate", Method: http.MethodPost, Path: "/moderation", Scope: "moderate", Tag: "moderation",
		Summary: "Mute, kick or ban a user, slow or freeze a room, or take that back", Description: "In force on every node within a second. Those concerned hear `moderated`.",
	}, a.moderate)
	rest.Register(a.API, rest.Operation{
		ID: "listModeration", Method: http.MethodGet, Path: "/moderation", Scope: "moderate:read", Tag: "moderation",
		Summary: "List what is in force in a room, or everywhere",
	}, a.listModeration)
	rest.Register(a.API, rest.Operation{
		ID: "liftModeration", Method: http.MethodDelete, Path: "/moderation/{id}", Scope: "moderate", Tag: "moderation",
		Summary: "Take a mute, ban, slow or freeze back", Description: "To take back what is not in force does no harm.",
	}, a.liftModeration)
}

// measure checks what the schema cannot.
func (m *Measure) measure() (measure chat.Measure, problem *rest.Problem) {
	measure = chat.Measure{Action: m.Action, User: m.User, Reason: m.Reason, By: m.By, Slow: m.Seconds}
	measure.For = time.Duration(math.Round(m.For*1000)) * time.Millisecond
	if m.For > 0 && measure.For == 0 {
		measure.For = time.Millisecond
	}
	if m.Room != nil {
		if err := chat.CheckRoom(*m.Room); err != nil {
			return measure, rest.Invalid("body.room", err.Error())
		}
		measure.Room = *m.Room
	}
	aboutRoom := m.Action == chat.Slow || m.Action == chat.Freeze
	switch {
	case aboutRoom && m.Room == nil:
		return measure, rest.Invalid("body.room", m.Action+" needs a room")
	case aboutRoom && m.User != "":
		return measure, rest.Invalid("body.user", m.Action+" is about a room")
	case !aboutRoom && chat.CheckUser(m.User) != nil:
		return measure, rest.Invalid("body.user", m.Action+" needs the id of a user")
	case m.Action == chat.Freeze && m.On == nil:
		return measure, rest.Invalid("body.on", "freeze needs true or false")
	case m.By != "" && chat.CheckUser(m.By) != nil:
		return measure, rest.Invalid("body.by", "this is not the id of a user")
	}
	measure.Frozen = m.On != nil && *m.On
	return measure, nil
}

func (a *API) moderate(ctx context.Context, in *measureInput) (*MeasureTaken, error) {
	m, problem := in.Body.measure()
	if problem != nil {
		return nil, problem
	}
	until, err := a.opts.Chat.Act(ctx, m)
	if err != nil {
		return nil, err
	}
	taken := &MeasureTaken{Action: m.Action, Room: in.Body.Room, User: m.User, Until: until}
	if taken.Action != chat.Kick && undo[m.Action] != "" {
		taken.ID = ruleID(m.Action, m.Room, m.User)
	}
	return taken, nil
}

func (a *API) listModeration(ctx context.Context, in *moderationInput) (*ModerationList, error) {
	var room *string
	if in.Room != "" {
		if p := checkRoomQuery(in.Room); p != nil {
			return nil, p
		}
		room = &in.Room
	}
	after, problem := rest.ReadCursor(in.Cursor)
	if problem != nil {
		return nil, problem
	}
	page, err := a.opts.Chat.Rules(ctx, in.Room, after, in.Limit)
	if err != nil {
		return nil, err
	}
	list := &ModerationList{Room: room, Bars: make([]Bar, 0, len(page.Bars)), Slow: page.Slow, Frozen: page.Frozen}
	for i := range page.Bars {
		b := &page.Bars[i]
		bar := Bar{ID: ruleID(b.Action, in.Room, b.User), Action: b.Action, Room: room, User: b.User, Until: b.Until, Reason: b.Reason, At: b.At}
		if b.By != "" {
			bar.By = &b.By
		}
		list.Bars = append(list.Bars, bar)
	}
	if in.Cursor == "" {
		for _, r := range page.Reports {
			list.Reports = append(list.Reports, Report(r))
		}
	}
	if page.Next != "" {
		list.Next = rest.NewCursor(page.Next)
	}
	return list, nil
}

// undo are the measures that can be taken back, with what takes them back.
var undo = map[string]string{chat.Mute: chat.Unmute, chat.Ban: chat.Unban, chat.Slow: chat.Slow, chat.Freeze: chat.Freeze}

// ruleID names what a measure has put in force.
func ruleID(action, room, user string) string {
	text, _ := json.Marshal([]string{action, room, user}) // it cannot fail: there are texts
	return base64.RawURLEncoding.EncodeToString(text)
}

func (a *API) liftModeration(ctx context.Context, in *liftInput) (*MeasureTaken, error) {
	var parts []string
	text, err := base64.RawURLEncoding.DecodeString(in.ID)
	if err != nil || json.Unmarshal(text, &parts) != nil || len(parts) != 3 || undo[parts[0]] == "" {
		return nil, rest.NewProblem(http.StatusNotFound, rest.CodeNotFound, "there is no such id: GET /moderation lists them")
	}
	m := chat.Measure{Action: undo[parts[0]], Room: parts[1], User: parts[2]}
	if _, err := a.opts.Chat.Act(ctx, m); err != nil {
		return nil, err
	}
	taken := &MeasureTaken{Action: m.Action, User: m.User}
	if m.Room != "" {
		taken.Room = &m.Room
	}
	return taken, nil
}
