package api

import (
	"cmp"
	"context"
	"net/http"
	"slices"

	"chorus/api/rest"
	"chorus/chat"
)

// Sample are figures of a node at one time. Members that end in "total" only grow while the node runs.
type Sample struct {
	At             int64             `json:"at" doc:"Milliseconds since 1970."`
	Connections    uint64            `json:"connections"`
	Rooms          int               `json:"rooms" doc:"Rooms with a member on this node."`
	Memory         uint64            `json:"memory" doc:"Bytes that the process has from the system."`
	InTotal        uint64            `json:"inTotal" doc:"Messages from clients."`
	OutTotal       uint64            `json:"outTotal" doc:"Messages to clients, each counted once for each of them."`
	PublishedTotal uint64            `json:"publishedTotal" doc:"Messages that Redis has accepted."`
	ProbeMs        *float64          `json:"probeMs" doc:"How long the last message of this node to itself took by way of Redis; null without Redis, and while none comes back."`
	LagMs          float64           `json:"lagMs" doc:"How long the oldest message that waits to be published has waited."`
	RefusedTotal   map[string]uint64 `json:"refusedTotal" doc:"Refusals of all kinds, by code."`
}

// NodeSamples are the samples of a node, the oldest first.
type NodeSamples struct {
	Node    string   `json:"node"`
	Samples []Sample `json:"samples"`
}

// SampleList are the samples of all nodes.
type SampleList struct {
	IntervalMs int64         `json:"intervalMs" doc:"The time between two samples of a node."`
	Nodes      []NodeSamples `json:"nodes"`
	Missing    []string      `json:"missing,omitempty" doc:"Nodes that did not answer in time."`
}

// Setting is a setting in force.
type Setting struct {
	Key     string `json:"key"`
	Value   any    `json:"value" doc:"The value in force; secrets are masked."`
	Default any    `json:"default"`
}

// SettingList is the configuration of a node.
type SettingList struct {
	Settings []Setting `json:"settings"`
}

// Self is who a request comes from.
type Self struct {
	Name   string   `json:"name" doc:"Of the key; token:SUB for a token."`
	Scopes []string `json:"scopes" doc:"What it may do."`
}

// PermissionList is what the token of a user permits.
type PermissionList struct {
	Permissions []chat.Permission `json:"permissions" doc:"Empty for a user who is not connected."`
}

// FrameList are frames of a trace.
type FrameList struct {
	Frames []chat.Frame `json:"frames"`
}

type sinceInput struct {
	Since int64 `query:"since" minimum:"0" doc:"Only later samples; milliseconds since 1970."`
}

type permissionsInput struct {
	User string `path:"user"`
	Room string `query:"room" minLength:"1" maxLength:"255" default:"lobby" doc:"The room that is asked about."`
}

type traceInput struct {
	User string `path:"user"`
	Body struct {
		After map[string]int64 `json:"after,omitempty" doc:"The last frame of each node that is known."`
	}
}

func registerMonitor(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "getSelf", Method: http.MethodGet, Path: "/self", Tag: "cluster", Summary: "Tell what the key may do",
	}, a.getSelf)
	rest.Register(a.API, rest.Operation{
		ID: "listSamples", Method: http.MethodGet, Path: "/samples", Scope: "admin:read", Tag: "cluster",
		Summary: "List the figures of all nodes over the last quarter of an hour",
	}, a.listSamples)
	rest.Register(a.API, rest.Operation{
		ID: "getConfig", Method: http.MethodGet, Path: "/config", Scope: "admin:read", Tag: "cluster",
		Summary: "Show the configuration of the node that answers, with masked secrets",
	}, a.getConfig)
	rest.Register(a.API, rest.Operation{
		ID: "listPermissions", Method: http.MethodGet, Path: "/users/{user}/permissions", Scope: "admin:read", Tag: "users",
		Summary: "Tell what the token of a connected user permits, and by which rule",
	}, a.listPermissions)
	rest.Register(a.API, rest.Operation{
		ID: "traceUser", Method: http.MethodPost, Path: "/users/{user}/trace", Scope: "admin", Tag: "users",
		Summary:     "Record what the clients of a user send and get",
		Description: "The first request begins the trace, further ones return what came since. It ends 15 s after the last request. Tokens are left out.",
	}, a.traceUser)
}

func (a *API) getSelf(ctx context.Context, _ *struct{}) (*Self, error) {
	who := rest.ExchangeOf(ctx).Who
	if who.Claims == nil {
		return &Self{Name: who.Name, Scopes: who.Scopes}, nil
	}
	self := &Self{Name: who.Name, Scopes: []string{}}
	for _, scope := range rest.Scopes {
		switch {
		case who.May(scope):
			self.Scopes = append(self.Scopes, scope)
		case who.May(scope + rest.ReadSuffix):
			self.Scopes = append(self.Scopes, scope+rest.ReadSuffix)
		}
	}
	return self, nil
}

// SamplesQuestion is what nodes ask each other for their samples.
type SamplesQuestion struct{ Since int64 }

// SamplesKind is the kind of that question.
const SamplesKind = "samples"

func (a *API) listSamples(ctx context.Context, in *sinceInput) (*SampleList, error) {
	list := &SampleList{IntervalMs: a.opts.SampleInterval.Milliseconds(), Nodes: []NodeSamples{}}
	missing, err := chat.Ask(ctx, a.opts.Chat, SamplesKind, SamplesQuestion{in.Since}, func(node string, samples []Sample) {
		if samples == nil {
			samples = []Sample{}
		}
		list.Nodes = append(list.Nodes, NodeSamples{node, samples})
	})
	list.Missing = missing
	slices.SortFunc(list.Nodes, func(a, b NodeSamples) int { return cmp.Compare(a.Node, b.Node) })
	return list, err
}

func (a *API) getConfig(context.Context, *struct{}) (*SettingList, error) {
	list := &SettingList{Settings: []Setting{}}
	if a.opts.Settings != nil {
		list.Settings = a.opts.Settings()
	}
	return list, nil
}

func (a *API) listPermissions(ctx context.Context, in *permissionsInput) (*PermissionList, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	if p := checkRoomQuery(in.Room); p != nil {
		return nil, p
	}
	list, err := a.opts.Chat.Permissions(ctx, in.User, in.Room)
	if list == nil {
		list = []chat.Permission{}
	}
	return &PermissionList{list}, err
}

func (a *API) traceUser(ctx context.Context, in *traceInput) (*FrameList, error) {
	if p := checkUser(in.User); p != nil {
		return nil, p
	}
	frames, err := a.opts.Chat.Trace(ctx, in.User, in.Body.After)
	return &FrameList{frames}, err
}
