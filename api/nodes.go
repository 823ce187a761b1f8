package api

import (
	"chorus/api/rest"
	"context"
	"net/http"
	"time"
)

// Node is a node of the cluster.
type Node struct {
	ID          string    `json:"id"`
	Version     string    `json:"version"`
	Address     string    `json:"address" doc:"Where other nodes reach it."`
	Connections int       `json:"connections"`
	Started     time.Time `json:"started"`
	Ready       bool      `json:"ready" doc:"It takes clients."`
	Draining    bool      `json:"draining" doc:"It is about to end."`
}

// NodeList are the nodes that are alive.
type NodeList struct {
	Nodes []Node `json:"nodes"`
}

// ClusterStats are figures of the whole cluster.
type ClusterStats struct {
	Nodes       int      `json:"nodes" doc:"Nodes that are alive."`
	Connections int      `json:"connections" doc:"Connections of clients, also those that are not in a namespace yet."`
	Sockets     int      `json:"sockets" doc:"Clients in the main namespace."`
	Users       int      `json:"users" doc:"Users who are online. One who is connected to several nodes counts for each."`
	Missing     []string `json:"missing,omitempty" doc:"Nodes that did not answer in time, and are not counted."`
}

func registerNodes(a *API) {
	rest.Register(a.API, rest.Operation{
		ID: "listNodes", Method: http.MethodGet, Path: "/nodes", Scope: "admin:read", Tag: "cluster",
		Summary: "List the nodes that are alive", Description: "A node that was killed is in the list for up to ten seconds.",
	}, a.listNodes)
	rest.Register(a.API, rest.Operation{
		ID: "getStats", Method: http.MethodGet, Path: "/stats", Scope: "admin:read", Tag: "cluster",
		Summary: "Count nodes, connections and users",
	}, a.getStats)
}

func (a *API) listNodes(context.Context, *struct{}) (*NodeList, error) {
	list := &NodeList{Nodes: []Node{}}
	for _, n := range a.opts.Nodes.Nodes() {
		list.Nodes = append(list.Nodes, Node{
			ID: n.ID, Version: n.Version, Address: n.Address, Connections: n.Connections, Started: n.Started, Ready: n.Ready, Draining: n.Draining,
		})
	}
	return list, nil
}

func (a *API) getStats(ctx context.Context, _ *struct{}) (*ClusterStats, error) {
	s, err := a.opts.Chat.ClusterStats(ctx)
	if err != nil {
		return nil, err
	}
	stats := &ClusterStats{Sockets: s.Sockets, Users: s.Users, Missing: s.Missing}
	for _, n := range a.opts.Nodes.Nodes() {
		stats.Nodes++
		stats.Connections += n.Connections
	}
	return stats, nil
}
