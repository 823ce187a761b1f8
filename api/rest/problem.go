package rest

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"unicode/utf8"

	"chorus/auth/refusal"
	"chorus/chat"

	"github.com/danielgtaylor/huma/v2"
)

// Codes of problems besides those of packages auth and chat.
const (
	CodeInvalidValue     = "invalid_value"          // the body or a parameter is not as the document says
	CodeNotFound         = "not_found"              // there is no such path
	codeMethodNotAllowed = "method_not_allowed"     // the path has other methods, which Allow names
	codeUnsupportedMedia = "unsupported_media_type" // the body is not application/json, or compressed
	codeRequestTimeout   = "request_timeout"        // the body did not come in time
	codeKeyReused        = "idempotency_key_reused" // the Idempotency-Key is that of another request
)

// Problem is an answer that says why something was not done (RFC 9457).
type Problem struct {
	Type         string         `json:"type" format:"uri-reference" doc:"Where the code is explained."`
	Title        string         `json:"title" doc:"The status in words."`
	Status       int            `json:"status" doc:"The status of the answer."`
	Detail       string         `json:"detail" doc:"What is wrong and what to do, for people."`
	Code         string         `json:"code" doc:"What is wrong, for programs. Codes do not change."`
	RequestID    string         `json:"requestId,omitempty" doc:"The request, as the header X-Request-Id and the log have it."`
	Errors       []ProblemError `json:"errors,omitempty" doc:"What is wrong with members and parameters."`
	Limit        int64          `json:"limit,omitempty" doc:"Of too_large and limit_reached: how much there may be."`
	RetryAfterMS int64          `json:"retry_after_ms,omitempty" doc:"When to try again, in milliseconds."`
	Version      int64          `json:"version,omitempty" doc:"Of conflict: the version of the message that is in force."`

	headers http.Header
}

// ProblemError is about one member or parameter.
type ProblemError struct {
	Location string `json:"location" doc:"As body.to.rooms[0], query.limit or path.room."`
	Message  string `json:"message"`
}

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// Error implements error.
func (p *Problem) Error() string { return p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header { return p.headers }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return problemType }

const problemType = "application/problem+json"

// Bounds of a problem, which stays below 20 KB.
const (
	maxProblemErrors = 20
	maxProblemText   = 400 // bytes
)

// NewProblem returns a problem. The detail must not hold anything of the request.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: Prefix + "/docs#" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: cutText(detail),
		headers: http.Header{},
	}
}

// Invalid is the problem of one member or parameter.
func Invalid(location, message string) *Problem {
	p := NewProblem(http.StatusUnprocessableEntity, CodeInvalidValue, location+": "+message)
	p.Errors = []ProblemError{{Location: location, Message: cutText(message)}}
	return p
}

// statuses are the statuses of codes of package chat.
var statuses = map[string]int{
	chat.CodeBadRequest:         http.StatusUnprocessableEntity,
	chat.CodeNotFound:           http.StatusNotFound,
	chat.CodeNoHistory:          http.StatusNotFound,
	chat.CodeConflict:           http.StatusConflict,
	chat.CodeLimitReached:       http.StatusConflict,
	chat.CodeTooLarge:           http.StatusRequestEntityTooLarge,
	chat.CodeRateLimited:        http.StatusTooManyRequests,
	chat.CodeClusterUnavailable: http.StatusServiceUnavailable,
	chat.CodeOverloaded:         http.StatusServiceUnavailable,
	"hook_failed":               http.StatusServiceUnavailable,
	chat.CodeInternal:           http.StatusInternalServerError,
	refusal.CodeForbidden:       http.StatusForbidden,
}

// problemOf makes a problem of an error of package chat.
func (a *API) problemOf(err error) error {
	var known *Problem
	if err == nil || errors.As(err, &known) {
		return err
	}
	refused := a.opts.Refusal(err)
	status, ok := statuses[refused.Code]
	if !ok {
		status = http.StatusForbidden // of a hook
	}
	code := refused.Code
	if code == chat.CodeBadRequest {
		code = CodeInvalidValue
	}
	p := NewProblem(status, code, refused.Message)
	p.Limit, p.RetryAfterMS, p.Version = number(refused.Details["limit"]), number(refused.Details["retry_after_ms"]), number(refused.Details["version"])
	if status == http.StatusServiceUnavailable {
		p.headers.Set("Retry-After", "1")
	}
	return p
}

func number(value any) int64 {
	switch n := value.(type) {
	case int:
		return int64(n)
	case int64:
		return n
	}
	return 0
}

// cutText shortens a text to maxProblemText.
func cutText(text string) string {
	if len(text) <= maxProblemText {
		return strings.ToValidUTF8(text, "")
	}
	text = text[:maxProblemText]
	for !utf8.ValidString(text) && len(text) > 0 {
		text = text[:len(text)-1]
	}
	return text
}

// write sends the problem.
func (p *Problem) write(w http.ResponseWriter, requestID string) {
	p.RequestID = requestID
	for name, values := range p.headers {
		w.Header()[name] = values
	}
	w.Header().Set("Content-Type", problemType)
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // who has gone does not read it
}
