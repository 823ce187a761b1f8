package api

import (
	"context"
	"net/http"
	"time"

	"chorus/api/rest"
	"chorus/api/webhook"
)

// WebhookList are the targets of the webhooks.
type WebhookList struct {
	Webhooks []webhook.Status `json:"webhooks"`
}

// Redelivered says how many events are delivered again.
type Redelivered struct {
	Redelivered int `json:"redelivered"`
}

// DeadEvents are events that were given up.
type DeadEvents struct {
	Events []webhook.DeadEvent `json:"events"`
	Next   string              `json:"next,omitempty" doc:"Cursor of the next page; none at the end."`
}

type redeliverInput struct {
	Target string `path:"target" maxLength:"64" doc:"Name of the target."`
	Body   struct {
		IDs   []string   `json:"ids,omitempty" maxItems:"1000" doc:"Ids of events."`
		Since *time.Time `json:"since,omitempty" doc:"Events that happened then or later."`
		Until *time.Time `json:"until,omitempty" doc:"Events that happened then or before."`
		All   bool       `json:"all,omitempty" doc:"All events that were given up."`
	}
}

type deadInput struct {
	Target string `path:"target" maxLength:"64" doc:"Name of the target."`
	Cursor string `query:"cursor" maxLength:"20" pattern:"^[0-9]*$" patternDescription:"a cursor of an answer" doc:"next of the page before."`
	Limit  int    `query:"limit" minimum:"1" maximum:"1000" default:"100"`
}

func registerWebhooks(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "listWebhooks", Method: http.MethodGet, Path: "/webhooks", Scope: "admin:read", Tag: "webhooks",
		Summary: "List the targets of the webhooks", Description: "What waits for each of them, and how many events were given up.",
	}, a.listWebhooks)
	rest.Register(a.API, rest.Operation{
		ID: "listDeadWebhooks", Method: http.MethodGet, Path: "/webhooks/{target}/dead", Scope: "admin:read", Tag: "webhooks",
		Summary: "List the events of a target that were given up", Description: "The oldest first. They are kept for a week.",
	}, a.listDeadWebhooks)
	rest.Register(a.API, rest.Operation{
		ID: "redeliverWebhooks", Method: http.MethodPost, Path: "/webhooks/{target}/redeliver", Scope: "admin", Tag: "webhooks",
		Summary: "Deliver events again that were given up", Description: "Name their ids, a range of time, or all.",
	}, a.redeliverWebhooks)
}

func (a *API) listWebhooks(ctx context.Context, _ *struct{}) (*WebhookList, error) {
	list := &WebhookList{Webhooks: []webhook.Status{}}
	for _, target := range a.opts.Webhooks {
		s, err := target.Status(ctx)
		if err != nil {
			return nil, rest.Unavailable()
		}
		list.Webhooks = append(list.Webhooks, s)
	}
	return list, nil
}

// webhookOf returns the queue of a target.
func (a *API) webhookOf(name string) (webhook.Admin, error) {
	for _, target := range a.opts.Webhooks {
		if target.Name() == name {
			return target, nil
		}
	}
	return nil, rest.NewProblem(http.StatusNotFound, rest.CodeNotFound, "there is no webhook target of this name")
}

func (a *API) listDeadWebhooks(ctx context.Context, in *deadInput) (*DeadEvents, error) {
	admin, err := a.webhookOf(in.Target)
	if err != nil {
		return nil, err
	}
	page, err := admin.Dead(ctx, webhook.DeadQuery{Cursor: in.Cursor, Limit: in.Limit})
	if err != nil {
		return nil, rest.Unavailable()
	}
	return &DeadEvents{Events: page.Events, Next: page.Next}, nil
}

func (a *API) redeliverWebhooks(ctx context.Context, in *redeliverInput) (*Redelivered, error) {
	r := webhook.Redelivery{IDs: in.Body.IDs, All: in.Body.All}
	if in.Body.Since != nil {
		r.Since = *in.Body.Since
	}
	if in.Body.Until != nil {
		r.Until = *in.Body.Until
	}
	if !r.Definite() {
		return nil, rest.NewProblem(http.StatusUnprocessableEntity, rest.CodeInvalidValue, "name ids, since and until, or all: one of these")
	}
	admin, err := a.webhookOf(in.Target)
	if err != nil {
		return nil, err
	}
	n, err := admin.Redeliver(ctx, r)
	if err != nil {
		return nil, rest.Unavailable()
	}
	return &Redelivered{Redelivered: n}, nil
}
