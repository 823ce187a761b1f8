package dev

import "net/http"

// spread hands requests to the nodes of the cluster in turn. The requests of a session go to the node
// that holds it, as a sticky load balancer sends them.
func (d *Cluster) spread(w http.ResponseWriter, r *http.Request) {
	if i := d.nodeOf(r.URL.Query().Get("sid")); i >= 0 {
		if n := d.nodes[i].running(); n != nil {
			n.Handler().ServeHTTP(w, r)
			return
		}
	}
	for range d.nodes {
		if n := d.nodes[d.turn.Add(1)%uint64(len(d.nodes))].running(); n != nil {
			n.Handler().ServeHTTP(w, r)
			return
		}
	}
	http.Error(w, "every node of the cluster was killed: start one again", http.StatusBadGateway)
}

// nodeOf returns the number of the node that holds an Engine.IO session, -1 for none.
func (d *Cluster) nodeOf(sid string) int {
	if sid == "" {
		return -1
	}
	for i, place := range d.nodes {
		if n := place.running(); n != nil {
			if _, here := n.IO().Engine().Clients().Load(sid); here {
				return i
			}
		}
	}
	return -1
}
