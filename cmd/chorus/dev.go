package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"sync"
	"text/template"
	"time"

	"chorus/node"
	"chorus/node/dev"
	"chorus/web"
)

type devCommand struct {
	configFlags
	redisFlag
	Relay  bool   `help:"Send each event that nobody handles to everybody."`
	Nodes  int    `default:"3" help:"Number of nodes."`
	Listen string `default:"127.0.0.1:3000" placeholder:"ADDRESS" help:"Address of the front door; the nodes and the embedded Redis take the ports behind it."`
}

// publicClient is the official client for pages of nodes that have none.
const publicClient = "https://cdn.socket.io/4.8.1/socket.io.esm.min.js"

// devTokenLife is long enough for a day of work.
const devTokenLife = 24 * time.Hour

// Run runs the cluster until the process is told to end.
func (c *devCommand) Run(ctx context.Context) error {
	if c.Nodes < 1 {
		return usagef("--nodes %d: a cluster has at least one node", c.Nodes)
	}
	cfg, err := c.load()
	if err != nil {
		return err
	}
	cfg.Version = versionText()
	cfg.Listen = c.Listen
	cfg.Relay = c.Relay
	c.apply(&cfg)
	if cfg.Log.Level == node.DefaultConfig().Log.Level {
		cfg.Log.Level = "warn" // the screen is for what follows
	}
	cfg.OnUnknown = (&unknownEvents{w: os.Stdout}).print
	hasSecret := len(cfg.Secrets()) > 0
	cluster, err := dev.Open(ctx, cfg, c.Nodes)
	if err != nil {
		return err
	}
	if err := printDev(os.Stdout, cluster, hasSecret); err != nil {
		return err
	}
	return cluster.Run(ctx)
}

// unknownEvents prints each event that no handler takes, once.
type unknownEvents struct {
	mu   sync.Mutex
	w    io.Writer
	seen map[string]bool
}

// maxUnknown bounds the events that are printed: clients choose the names.
const maxUnknown = 100

func (u *unknownEvents) print(namespace, event string, handled []string) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if key := namespace + " " + event; len(u.seen) < maxUnknown && !u.seen[key] {
		if u.seen == nil {
			u.seen = make(map[string]bool)
		}
		u.seen[key] = true
		_, _ = fmt.Fprintf(u.w, "  A client sent the event %q in the namespace %s, which nobody handles. There are: %s\n", event, namespace, strings.Join(handled, ", "))
	}
}

func printDev(w io.Writer, cluster *dev.Cluster, hasSecret bool) error {
	cfg := cluster.Config()
	screen := devScreen{FrontDoor: origin(cluster.Addr()), Secret: cfg.Auth.Secret, Redis: cfg.Redacted().Cluster.Redis.URL, Client: publicClient}
	if web.Built() && cfg.ServeClient {
		screen.Client = cfg.Path + "socket.io.esm.min.js"
	}
	if hasSecret {
		screen.Secret = ""
	}
	for _, addr := range cluster.NodeAddrs() {
		screen.Nodes = append(screen.Nodes, origin(addr))
	}
	for _, name := range []string{"Alice", "Bob"} {
		token, err := node.Sign(cfg, map[string]any{"sub": "dev-" + name, "name": name}, devTokenLife)
		if err != nil {
			return err
		}
		screen.Clients = append(screen.Clients, devClient{
			Name: name, URL: screen.Nodes[len(screen.Clients)%len(screen.Nodes)], Token: token,
		})
	}
	return devTemplate.Execute(w, screen)
}

// origin returns the address as a URL that works on this machine.
func origin(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); err != nil || ip == nil || ip.IsUnspecified() || ip.IsLoopback() {
		host = "localhost"
	}
	return "http://" + net.JoinHostPort(host, port)
}

type devScreen struct {
	FrontDoor, Redis, Secret, Client string
	Nodes                            []string
	Clients                          []devClient
}

type devClient struct{ Name, URL, Token string }

var devTemplate = template.Must(template.New("dev").Parse(`
  A Chorus cluster is up.

  front door   {{.FrontDoor}}   spreads clients over the nodes
{{- range $i, $url := .Nodes}}
  node {{$i}}       {{$url}}
{{- end}}
  redis        {{.Redis}}
{{- if .Secret}}
  secret       {{.Secret}}   signs tokens; a new one at every start unless CHORUS_AUTH_SECRET is set
{{- else}}
  secret       that of your configuration signs tokens
{{- end}}
{{range .Clients}}
  {{.Name}}'s token
  {{.Token}}
{{end}}
  Paste this into Node.js after "npm install socket.io-client", or into the console of a browser at the page that
  it names:
{{range .Clients}}
  // {{.Name}}, in a browser at {{.URL}}/healthz
  var { io } = await import(globalThis.window ? "{{$.Client}}" : "socket.io-client");
  var socket = io("{{.URL}}", { auth: { token: "{{.Token}}" } });
  socket.on("connect_error", (err) => console.log(err.message, err.data));
  socket.on("message", (message) => console.log("heard", message));
  socket.on("connect", () => socket.emit("message", "hello from {{.Name}}", (answer) => console.log("sent", answer)));
{{end}}
  Ctrl-C ends the cluster.

`))
