package api

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"

	"chorus/api/rest"
	"chorus/chat"
)

var errSocketID = errors.New("this is not the id of a socket")

// PublishRequest is what a program says.
type PublishRequest struct {
	To       Target            `json:"to" doc:"Who hears it. Kinds may be mixed: each socket hears it once."`
	Except   *Except           `json:"except,omitempty"`
	Event    string            `json:"event,omitempty" minLength:"1" maxLength:"255" doc:"The name of an event of your own, with args."`
	Args     []json.RawMessage `json:"args,omitempty" maxItems:"100" doc:"The arguments of event."`
	Value    json.RawMessage   `json:"value,omitempty" doc:"Without event: rooms hear it as publish, users as direct, sockets and everyone as message. It passes unchanged."`
	ID       string            `json:"id,omitempty" pattern:"^[A-Za-z0-9_.-]{1,64}$" patternDescription:"1 to 64 characters A-Z a-z 0-9 _ - ." doc:"Makes it idempotent: the same id of the same sender within chat.idempotency (5 min) is delivered once."`
	From     *Sender           `json:"from,omitempty"`
	Mentions []string          `json:"mentions,omitempty" maxItems:"100" doc:"Users whom the message mentions."`
}

// PublishAnswer says what became of it.
type PublishAnswer struct {
	ID      string          `json:"id" doc:"The id of the message."`
	At      int64           `json:"at" doc:"Milliseconds since 1970."`
	Results []PublishResult `json:"results,omitempty" doc:"One for each room and user that a value was sent to."`
}

// PublishResult is about one room or user.
type PublishResult struct {
	Room   string `json:"room,omitempty"`
	User   string `json:"user,omitempty"`
	Seq    int64  `json:"seq,omitempty" doc:"The number of the message, where history is kept."`
	Cursor string `json:"cursor,omitempty" doc:"Its place, for history."`
	Online *int   `json:"online,omitempty" doc:"Sockets of the user."`
}

type publishInput struct{ Body PublishRequest }

func registerPublish(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "publish", Method: http.MethodPost, Path: "/publish", Scope: "publish", Tag: "publish",
		Summary:     "Say something",
		Description: "To everyone, rooms, users and sockets, in any mix. Give either `event` with `args`, or `value`.",
	}, a.publish)
}

func (a *API) publish(ctx context.Context, in *publishInput) (*PublishAnswer, error) {
	e, problem := in.Body.dispatch()
	if problem != nil {
		return nil, problem
	}
	sent, err := a.opts.Chat.Send(ctx, e)
	if err != nil {
		return nil, err
	}
	answer := &PublishAnswer{ID: sent.ID, At: sent.At}
	for _, r := range sent.Results {
		answer.Results = append(answer.Results, PublishResult(r))
	}
	return answer, nil
}

// dispatch checks what the schema cannot.
func (b *PublishRequest) dispatch() (e chat.Dispatch, problem *rest.Problem) {
	switch {
	case b.Event == "" && b.Value == nil:
		return e, rest.Invalid("body", "give event with args, or value")
	case b.Event != "" && b.Value != nil:
		return e, rest.Invalid("body.value", "event has args and no value")
	case b.Event == "" && b.Args != nil:
		return e, rest.Invalid("body.args", "args go with event")
	}
	if p := b.To.check("body.to"); p != nil {
		return e, p
	}
	e = chat.Dispatch{To: b.To.target(), Event: b.Event, ID: b.ID, Mentions: b.Mentions}
	if b.Except != nil {
		except := Target{Rooms: b.Except.Rooms, Users: b.Except.Users, Sockets: b.Except.Sockets}
		if p := except.check("body.except"); p != nil {
			return e, p
		}
		e.Except = except.target()
	}
	if b.From != nil {
		if err := chat.CheckUser(b.From.ID); err != nil {
			return e, rest.Invalid("body.from", err.Error())
		}
		e.From = chat.User{ID: b.From.ID, Name: b.From.Name}
	}
	for _, user := range b.Mentions {
		if err := chat.CheckUser(user); err != nil {
			return e, rest.Invalid("body.mentions", err.Error())
		}
	}
	if b.Event == "" {
		e.Value = b.Value
		return e, nil
	}
	e.Args = make([]any, len(b.Args))
	for i, arg := range b.Args {
		e.Args[i] = arg
	}
	return e, nil
}
