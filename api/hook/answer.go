package hook

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"net/http"
	"time"
	"unicode/utf8"

	"chorus/auth/refusal"
	"chorus/auth/token"
	"chorus/chat"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

// Bounds of an answer.
const (
	maxCode    = 255  // bytes
	maxMessage = 4096 // bytes
	maxRooms   = 100
	maxEmit    = 100
	maxEvent   = 255 // bytes of a name
	maxCache   = 24 * time.Hour
)

// What a refusal says that says nothing.
const (
	defaultCode    = refusal.CodeForbidden
	defaultMessage = "the server does not permit this"
)

// answer is the body of a response.
type answer struct {
	Allow   *bool             `json:"allow"`
	Code    string            `json:"code"`
	Message string            `json:"message"`
	Cache   float64           `json:"cache"`
	Value   json.RawMessage   `json:"value"`
	Args    []json.RawMessage `json:"args"`
	Rooms   []string          `json:"rooms"`
	Claims  json.RawMessage   `json:"claims"`
	Ack     json.RawMessage   `json:"ack"`
	Emit    []emission        `json:"emit"`
}

type emission struct {
	To    json.RawMessage   `json:"to"`
	Event string            `json:"event"`
	Args  []json.RawMessage `json:"args"`
}

// recipients is "to" of an emission, as the HTTP API has it.
type recipients struct {
	Everyone bool     `json:"everyone"`
	Others   bool     `json:"others"`
	Self     bool     `json:"self"`
	Rooms    []string `json:"rooms"`
	Users    []string `json:"users"`
	Sockets  []string `json:"sockets"`
	Except   []string `json:"except"`
}

// read makes a verdict of a response.
func read(status int, body []byte, a *chat.Action) (*verdict, error) {
	v := &verdict{at: time.Now()}
	switch status {
	case http.StatusNoContent:
		v.allow = true
		return v, nil
	case http.StatusForbidden:
		var text answer
		_ = json.Unmarshal(body, &text) // a refusal needs no text
		v.refuse(&text)
		return v, nil
	case http.StatusOK:
	default:
		return nil, fmt.Errorf("%w: status %d", errAnswer, status)
	}
	var text answer
	if err := json.Unmarshal(body, &text); err != nil || !utf8.Valid(body) {
		return nil, fmt.Errorf("%w: it is not the JSON object that docs/hook.md describes", errAnswer)
	}
	if text.Allow == nil {
		return nil, fmt.Errorf("%w: allow is missing", errAnswer)
	}
	if text.Cache < 0 || math.IsNaN(text.Cache) {
		return nil, fmt.Errorf("%w: cache is negative", errAnswer)
	}
	if text.Cache > 0 {
		v.until = v.at.Add(min(time.Duration(min(text.Cache, maxCache.Seconds())*float64(time.Second)), maxCache))
	}
	if !*text.Allow {
		v.refuse(&text)
		return v, nil
	}
	v.allow = true
	return v, v.give(&text, a)
}

func (v *verdict) refuse(text *answer) {
	v.code, v.message = defaultCode, defaultMessage
	if text.Code != "" && len(text.Code) <= maxCode {
		v.code = text.Code
	}
	if text.Message != "" {
		v.message = cut(text.Message, maxMessage)
	}
}

// cut returns at most so many bytes of a text, and no half of a character.
func cut(text string, most int) string {
	if len(text) <= most {
		return text
	}
	for !utf8.RuneStart(text[most]) {
		most--
	}
	return text[:most]
}

// give reads what a permission gives besides.
func (v *verdict) give(text *answer, a *chat.Action) error {
	if len(text.Rooms) > maxRooms || len(text.Emit) > maxEmit {
		return fmt.Errorf("%w: more than %d rooms or %d events", errAnswer, maxRooms, maxEmit)
	}
	if len(text.Rooms) > 0 {
		if err := (&chat.Recipients{Rooms: text.Rooms}).Check(); err != nil {
			return fmt.Errorf("%w: rooms: %w", errAnswer, err)
		}
		v.rooms = text.Rooms
	}
	if err := v.readClaims(text.Claims); err != nil {
		return err
	}
	if text.Value != nil && string(text.Value) != "null" {
		value := compact(text.Value)
		v.value = &value
	}
	if text.Args != nil && a.Kind == chat.ActionEvent {
		v.args = valuesOf(text.Args)
	}
	if text.Ack != nil && a.Kind == chat.ActionEvent {
		ack := compact(text.Ack)
		v.ack = &ack
	}
	for i := range text.Emit {
		e, err := text.Emit[i].read()
		if err != nil {
			return err
		}
		v.emit = append(v.emit, e)
	}
	return nil
}

// readClaims reads claims with all digits of their numbers. Those that have a meaning of their own are the token's alone.
func (v *verdict) readClaims(raw json.RawMessage) error {
	if raw == nil || string(raw) == "null" {
		return nil
	}
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.UseNumber()
	if err := decoder.Decode(&v.claims); err != nil {
		return fmt.Errorf("%w: claims are not an object", errAnswer)
	}
	for name := range v.claims {
		if token.IsRegistered(name) {
			delete(v.claims, name)
		}
	}
	return nil
}

// read checks an emission. Without "to" it is for the client's own user.
func (e *emission) read() (chat.Emission, error) {
	if e.Event == "" || len(e.Event) > maxEvent || socket.SOCKET_RESERVED_EVENTS.Has(e.Event) {
		return chat.Emission{}, fmt.Errorf("%w: emit: an event has a name that no event can have", errAnswer)
	}
	var to recipients
	var word string
	switch {
	case e.To == nil:
		to.Self = true
	case json.Unmarshal(e.To, &word) == nil:
		to = recipients{Everyone: word == "everyone", Others: word == "others", Self: word == "self"}
	case json.Unmarshal(e.To, &to) != nil:
		return chat.Emission{}, fmt.Errorf("%w: emit: to is none of self, others, everyone and {rooms, users, sockets}", errAnswer)
	}
	given := chat.Emission{Event: e.Event, Args: valuesOf(e.Args), To: chat.Recipients(to)}
	if err := given.To.Check(); err != nil {
		return given, fmt.Errorf("%w: emit: to: %w", errAnswer, err)
	}
	return given, nil
}

// valuesOf returns values as they are sent to clients.
func valuesOf(raw []json.RawMessage) []any {
	values := make([]any, len(raw))
	for i, text := range raw {
		values[i] = compact(text)
	}
	return values
}

// compact returns JSON without white space.
func compact(raw json.RawMessage) any {
	var text bytes.Buffer
	_ = json.Compact(&text, raw) // it was read before
	return json.RawMessage(text.Bytes())
}
