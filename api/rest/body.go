package rest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"strings"
	"time"

	"chorus/api/rest/strict"
	"chorus/chat"
)

// Times that the body of a request may take.
const (
	bodyTimeout      = 30 * time.Second
	strayBodyTimeout = time.Second // of a body that nobody needs
)

// readBody reads the body of an operation that takes one and checks what does not depend on the operation. The request
// that it returns has the body in memory.
func (a *API) readBody(w http.ResponseWriter, r *http.Request, found *route) (*http.Request, *Problem) {
	if found.huma == nil || found.huma.RequestBody == nil {
		dropBody(w, r)
		r.Body = http.NoBody
		return r, nil
	}
	if p := checkMedia(r.Header); p != nil && r.ContentLength != 0 {
		return r, p
	}
	most := found.op.MaxBody
	if most == 0 {
		most = a.opts.MaxBody
	}
	if r.ContentLength > most {
		return r, tooLarge(most)
	}
	control := http.NewResponseController(w)
	_ = control.SetReadDeadline(time.Now().Add(bodyTimeout)) // it fails in tests without a connection
	data, err := io.ReadAll(io.LimitReader(r.Body, most+1))
	_ = control.SetReadDeadline(time.Time{}) // else it ends the context of a request that takes longer
	var timeout net.Error
	switch {
	case int64(len(data)) > most:
		return r, tooLarge(most)
	case errors.As(err, &timeout) && timeout.Timeout():
		return r, NewProblem(http.StatusRequestTimeout, codeRequestTimeout, "the body did not come in time")
	case err != nil:
		return r, NewProblem(http.StatusBadRequest, chat.CodeBadRequest, "the body did not come as a whole")
	}
	if len(bytes.TrimSpace(data)) == 0 {
		data = nil
		if found.huma.RequestBody.Required {
			return r, NewProblem(http.StatusBadRequest, chat.CodeBadRequest, "the request needs a body: JSON")
		}
	}
	if data != nil {
		if err := strict.Check(data); err != nil {
			return r, NewProblem(http.StatusBadRequest, chat.CodeBadRequest, "the body is not JSON as it should be: "+err.Error())
		}
	}
	return withBody(r, data), nil
}

// withBody returns a request with this body.
func withBody(r *http.Request, data []byte) *http.Request {
	r.Body, r.ContentLength = io.NopCloser(bytes.NewReader(data)), int64(len(data))
	return r
}

// bodyOf returns the body that readBody has read.
func bodyOf(r *http.Request) []byte {
	data, _ := io.ReadAll(r.Body) // it is in memory
	r.Body = io.NopCloser(bytes.NewReader(data))
	return data
}

// checkMedia returns the problem of a body that is not plain JSON.
func checkMedia(header http.Header) *Problem {
	if encoding := header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		p := NewProblem(http.StatusUnsupportedMediaType, codeUnsupportedMedia, "send the body without compression")
		p.headers.Set("Accept-Encoding", "identity")
		return p
	}
	kind := header.Get("Content-Type")
	if kind == "" {
		return nil
	}
	media, parameters, err := mime.ParseMediaType(kind)
	if err != nil || media != "application/json" || parameters["charset"] != "" && !strings.EqualFold(parameters["charset"], "utf-8") {
		return NewProblem(http.StatusUnsupportedMediaType, codeUnsupportedMedia, "send the body as application/json, in UTF-8")
	}
	return nil
}

func tooLarge(most int64) *Problem {
	p := NewProblem(http.StatusRequestEntityTooLarge, chat.CodeTooLarge, fmt.Sprintf("the body has more than %d bytes", most))
	p.Limit = most
	return p
}

// dropBody has the connection of a request with a body end soon after the answer. Else net/http reads the body to its
// end before it takes the next request, however slowly it comes.
func dropBody(w http.ResponseWriter, r *http.Request) {
	if r.ContentLength == 0 || r.Body == nil || r.Body == http.NoBody {
		return
	}
	w.Header().Set("Connection", "close")
	_ = http.NewResponseController(w).SetReadDeadline(time.Now().Add(strayBodyTimeout)) // it fails in tests without a connection
}
