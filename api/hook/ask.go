package hook

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"chorus/api/sign"
	"chorus/auth"
	"chorus/chat"
)

// maxAnswer bounds an answer in bytes.
const maxAnswer = 1 << 20

// newClient returns the client of a hook. It uses no proxy of the environment and follows no redirect.
func newClient(timeout time.Duration, connections int) *http.Client {
	dialer := &net.Dialer{Timeout: timeout, KeepAlive: 30 * time.Second}
	return &http.Client{
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    timeout,
			MaxIdleConns:           connections,
			MaxIdleConnsPerHost:    connections,
			IdleConnTimeout:        90 * time.Second,
			MaxResponseHeaderBytes: 64 << 10,
			ForceAttemptHTTP2:      true,
			DisableCompression:     true,
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

// question is the body of a request.
type question struct {
	Action    chat.ActionKind `json:"action"`
	User      *asker          `json:"user"` // null for a client without a token
	Socket    string          `json:"socket"`
	Namespace string          `json:"namespace"`
	Node      string          `json:"node"`
	At        int64           `json:"at"`
	Address   string          `json:"address,omitempty"`
	Room      string          `json:"room,omitempty"`
	To        string          `json:"to,omitempty"`
	Event     string          `json:"event,omitempty"`
	ID        string          `json:"id,omitempty"`
	Args      *[]any          `json:"args,omitempty"`
	Value     any             `json:"value,omitempty"`
}

type asker struct {
	ID     string         `json:"id"`
	Name   string         `json:"name,omitempty"`
	Claims map[string]any `json:"claims"`
}

// body returns the question about an action.
func (h *Hook) body(a *chat.Action) ([]byte, error) {
	s := a.Socket()
	q := &question{
		Action: a.Kind, Socket: string(s.Id()), Namespace: s.Nsp().Name(), Node: h.opts.Node, At: time.Now().UnixMilli(),
		Address: hostOf(s.Conn().RemoteAddress()), Room: a.Room, To: a.To, Event: a.Event, ID: a.ID, Value: a.Value,
	}
	if a.Kind == chat.ActionEvent {
		args := append([]any{}, a.Args...)
		q.Args = &args
	}
	if a.Kind == chat.ActionDirect {
		q.Room = ""
	}
	if claims := a.Claims(); claims != nil {
		user := a.User()
		q.User = &asker{ID: claims.Subject(), Name: user.Name, Claims: h.chosen(claims)}
	}
	return json.Marshal(q)
}

// chosen returns the claims that are sent.
func (h *Hook) chosen(claims *auth.Claims) map[string]any {
	set := make(map[string]any, len(h.opts.Claims))
	for _, path := range h.opts.Claims {
		if value, ok := claimAt(claims, path); ok {
			set[path] = value
		}
	}
	return set
}

// claimAt returns the claim of this name, or at this path of members.
func claimAt(claims *auth.Claims, path string) (any, bool) {
	if value, ok := claims.Get(path); ok {
		return value, true
	}
	first, rest, nested := strings.Cut(path, ".")
	value, ok := claims.Get(first)
	for nested && ok {
		members, is := value.(map[string]any)
		if !is {
			return nil, false
		}
		first, rest, nested = strings.Cut(rest, ".")
		value, ok = members[first]
	}
	return value, ok && first != path
}

func hostOf(address string) string {
	if host, _, err := net.SplitHostPort(address); err == nil {
		return host
	}
	return address
}

// ask sends a question and reads the answer.
func (h *Hook) ask(ctx context.Context, a *chat.Action) (*verdict, error) {
	body, err := h.body(a)
	if err != nil {
		return nil, fmt.Errorf("the question cannot be written: %w", err)
	}
	ctx, cancel := context.WithTimeout(ctx, h.opts.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, h.opts.URL, bytes.NewReader(body))
	if err != nil {
		return nil, errors.New("hook.url is not an address") // the error would contain it
	}
	request.Header.Set("Content-Type", "application/json")
	request.Header.Set("User-Agent", "chorus")
	request.Header["Idempotency-Key"] = nil // a connection that the other side has closed meanwhile is replaced
	h.opts.Signer.Sign(request.Header, sign.NewID(), time.Now(), body)
	response, err := h.client.Do(request)
	if err != nil {
		return nil, withoutURL(err)
	}
	defer func() { _ = response.Body.Close() }()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	switch {
	case err != nil:
		return nil, withoutURL(err)
	case len(answer) > maxAnswer:
		return nil, fmt.Errorf("%w: it has more than %d bytes", errAnswer, maxAnswer)
	}
	return read(response.StatusCode, answer, a)
}

// withoutURL drops the address of an error, which may contain a secret.
func withoutURL(err error) error {
	var of *url.Error
	if errors.As(err, &of) {
		return of.Err
	}
	return err
}
