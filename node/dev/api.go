package dev

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"chorus/auth/revocation"
	"chorus/node"
	"chorus/web"
)

// devPath is where a cluster for development has the endpoints of its console.
const devPath = "/_dev/"

const (
	devTokenLife  = 24 * time.Hour // long enough for a day of work
	devOutage     = 10 * time.Second
	maxDevRequest = 64 << 10 // bytes
)

// withAPI adds the endpoints of the development console. They mint tokens, so only pages of the
// cluster itself may use them: the host must be an address or localhost (a name that somebody else
// points here is not), and a request that changes something must be JSON, which other pages cannot send.
func (d *Cluster) withAPI(next http.Handler) http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/", next)
	page := func(w http.ResponseWriter, r *http.Request) {
		web.Chat(web.Config{Dev: true, Path: d.cfg.Path, Connect: d.origins()}).ServeHTTP(w, r)
	}
	mux.HandleFunc("/{$}", page)
	mux.HandleFunc("/chorus.json", page)
	api := func(pattern string, do func(*http.Request) (any, error)) {
		mux.HandleFunc(pattern, func(w http.ResponseWriter, r *http.Request) { serveDev(w, r, do) })
	}
	api("GET "+devPath+"state", d.serveState)
	api("GET "+devPath+"way", func(r *http.Request) (any, error) { return d.ways.find(r.URL.Query().Get("id")) })
	api("POST "+devPath+"token", d.serveToken)
	api("POST "+devPath+"revoke", d.serveRevoke)
	api("POST "+devPath+"nodes/{node}/kill", func(r *http.Request) (any, error) {
		return d.change(r, func(n *place) error { return n.kill() })
	})
	api("POST "+devPath+"nodes/{node}/start", func(r *http.Request) (any, error) {
		return d.change(r, func(n *place) error { return n.start(r.Context()) })
	})
	api("POST "+devPath+"redis/outage", d.serveOutage)
	return mux
}

// origins returns those of the nodes, to which the console connects.
func (d *Cluster) origins() []string {
	addrs := d.NodeAddrs()
	origins := make([]string, 0, 4*len(addrs))
	for _, addr := range addrs {
		origins = append(origins, "http://"+addr, "ws://"+addr)
	}
	for _, lane := range d.slow {
		origins = append(origins, "http://"+lane.addr(), "ws://"+lane.addr())
	}
	return origins
}

func serveDev(w http.ResponseWriter, r *http.Request, do func(*http.Request) (any, error)) {
	if !isLocalHost(r.Host) {
		http.Error(w, "the console answers on localhost and on IP addresses only", http.StatusForbidden)
		return
	}
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "application/json" {
		http.Error(w, "the body must be application/json", http.StatusUnsupportedMediaType)
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxDevRequest)
	answer, err := do(r)
	if err != nil {
		code := http.StatusBadRequest
		if errors.Is(err, errNodeState) {
			code = http.StatusConflict
		}
		http.Error(w, err.Error(), code)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(answer)
}

// isLocalHost reports whether a Host header names localhost or an IP address.
func isLocalHost(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	return host == "localhost" || net.ParseIP(host) != nil
}

// state is what the console shows of the cluster.
type state struct {
	Nodes []nodeState `json:"nodes"`
	// Here is the node that holds the session that was asked about, -1 for none.
	Here  int        `json:"here"`
	Redis redisState `json:"redis"`
}

type nodeState struct {
	URL string `json:"url"`
	// Slow is an address of the same node behind a slow line.
	Slow        string `json:"slow"`
	Running     bool   `json:"running"`
	Connections uint64 `json:"connections"`
}

type redisState struct {
	URL      string `json:"url"`
	Embedded bool   `json:"embedded"`
	Up       bool   `json:"up"`
}

func (d *Cluster) serveState(r *http.Request) (any, error) {
	state := state{
		Here:  d.nodeOf(r.URL.Query().Get("sid")),
		Redis: redisState{URL: d.cfg.Redacted().Cluster.Redis.URL, Embedded: d.redis != nil, Up: true},
	}
	for i, place := range d.nodes {
		s := nodeState{URL: "http://" + place.addr(), Slow: "http://" + d.slow[i].addr()}
		if n := place.running(); n != nil {
			s.Running, s.Connections = true, n.IO().Engine().ClientsCount()
			state.Redis.Up = n.Health() == nil
		}
		state.Nodes = append(state.Nodes, s)
	}
	return state, nil
}

// serveToken mints a token: for a name, or with any claims.
func (d *Cluster) serveToken(r *http.Request) (any, error) {
	var ask struct {
		Name   string         `json:"name"`
		TTL    float64        `json:"ttl"` // seconds; 0 for a day
		Claims map[string]any `json:"claims"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		return nil, err
	}
	claims := map[string]any{}
	if ask.Name != "" {
		claims["sub"], claims["name"] = ask.Name, ask.Name
	}
	for name, value := range ask.Claims {
		claims[name] = value
	}
	life := devTokenLife
	if ask.TTL > 0 {
		life = time.Duration(ask.TTL * float64(time.Second))
	}
	token, err := node.Sign(d.cfg, claims, life)
	return map[string]string{"token": token}, err
}

// serveRevoke revokes a token, or everything of a subject that was issued until now.
func (d *Cluster) serveRevoke(r *http.Request) (any, error) {
	var ask struct {
		Sub string `json:"sub"`
	}
	if err := json.NewDecoder(r.Body).Decode(&ask); err != nil {
		return nil, err
	}
	for _, place := range d.nodes {
		if n := place.running(); n != nil {
			return struct{}{}, n.Revocations().Revoke(r.Context(), revocation.Revocation{Subject: ask.Sub, IssuedBefore: time.Now()})
		}
	}
	return nil, errNodeState
}

func (d *Cluster) change(r *http.Request, do func(*place) error) (any, error) {
	i, err := strconv.Atoi(r.PathValue("node"))
	if err != nil || i < 0 || i >= len(d.nodes) {
		return nil, errors.New("there is no such node")
	}
	if err := do(d.nodes[i]); err != nil {
		return nil, err
	}
	return d.serveState(r)
}

// serveOutage takes the embedded Redis away for a while. What it holds stays.
func (d *Cluster) serveOutage(r *http.Request) (any, error) {
	if d.redis == nil {
		return nil, errors.New("this Redis is not the cluster's own: stop it yourself")
	}
	d.redis.Close()
	d.outages.Go(func() { // ends with the outage, or when the cluster ends
		ctx, cancel := context.WithTimeout(d.life, devOutage)
		defer cancel()
		<-ctx.Done()
		_ = d.redis.Restart() // its port may be taken meanwhile: then the nodes say that Redis is away
	})
	return d.serveState(r)
}
