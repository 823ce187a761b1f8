package auth

import (
	"maps"

	"chorus/auth/permission"
	"chorus/auth/refusal"
)

// RequestError is why a request of a client is not done.
type RequestError struct {
	Code    string
	Message string
	Details map[string]any // further members of the answer
}

func (e *RequestError) Error() string { return e.Message }

// Answer returns what the client's acknowledgement gets: {ok: false, error: {code, message, ...}}.
func (e *RequestError) Answer() map[string]any {
	refused := make(map[string]any, 2+len(e.Details))
	maps.Copy(refused, e.Details)
	refused["code"], refused["message"] = e.Code, e.Message
	return map[string]any{"ok": false, "error": refused}
}

// Forbidden is the error of a request for something that the claims do not permit. The name is that of
// the room, function or event, and empty where there is none.
func Forbidden(action permission.Action, name string) *RequestError {
	details := map[string]any{"action": string(action)}
	switch {
	case action == permission.API:
		details["function"] = name
	case action == permission.Events:
		details["event"] = name
	case name != "":
		details["room"] = name
	}
	return &RequestError{Code: refusal.CodeForbidden, Message: "the token does not permit: " + string(action), Details: details}
}
