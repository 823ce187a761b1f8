// Package web serves the pages of a node and the official client, both built by "make pages" and embedded.
// A binary that was built without them says so on the page.
package web

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"
	"sync"
)

//go:embed all:dist
var dist embed.FS

// Missing is what a binary without pages shows.
const Missing = "This binary was built without pages. Build them with Node.js 20 and \"make pages build\".\n"

// Built reports whether the pages are in this binary.
func Built() bool {
	_, err := fs.Stat(dist, "dist/chat.html")
	return err == nil
}

// Config is what the chat page reads at its start, from chorus.json.
type Config struct {
	// Dev says that this is a cluster for development, which mints tokens and has a console.
	Dev bool `json:"dev"`
	// Path is the path of Socket.IO.
	Path string `json:"path"`
	// Version is the version of the node.
	Version string `json:"version"`
	// Embedders are the origins of pages that may embed the chat page. None may by default.
	Embedders []string `json:"embedders"`
	// Connect are other origins that the page may connect to. It is for the development console.
	Connect []string `json:"-"`
}

// Chat returns the handler of the chat page at "/". It is safe for concurrent use.
func Chat(cfg Config) http.Handler {
	if cfg.Embedders == nil {
		cfg.Embedders = []string{}
	}
	body, _ := json.Marshal(cfg) // strings and a bool
	pages := page("chat.html", policy(cfg.Embedders, cfg.Connect))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/chorus.json" {
			w.Header().Set("Content-Type", "application/json")
			w.Header().Set("Cache-Control", "no-cache")
			_, _ = w.Write(body)
			return
		}
		pages.ServeHTTP(w, r)
	})
}

// Dashboard returns the handler of the dashboard at "/admin/". It is safe for concurrent use.
func Dashboard() http.Handler {
	return http.StripPrefix("/admin", page("admin.html", policy(nil, nil)))
}

// Client returns the handler of the official client's files below prefix, such as "/socket.io/", and the
// names of these files. It is safe for concurrent use.
func Client(prefix string) (handler http.Handler, names []string) {
	files, _ := fs.ReadDir(dist, "dist/client") // nil when there are none
	for _, f := range files {
		if name := f.Name(); !strings.HasSuffix(name, ".gz") && !strings.HasSuffix(name, ".br") {
			names = append(names, name)
		}
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// Every page may load the client, as it may load it from a Node.js server.
		w.Header().Set("Access-Control-Allow-Origin", "*")
		w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
		w.Header().Set("Cache-Control", "public, max-age=0")
		serve(w, r, "client/"+strings.TrimPrefix(r.URL.Path, prefix))
	}), names
}

// page serves one page at "/" and the files that it loads.
func page(name, policy string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		switch {
		case r.URL.Path == "/" && !Built():
			h.Set("Content-Type", "text/plain; charset=utf-8")
			_, _ = w.Write([]byte(Missing))
		case r.URL.Path == "/":
			h.Set("Cache-Control", "no-cache")
			serve(w, r, name)
		case strings.HasPrefix(r.URL.Path, "/assets/"):
			h.Set("Cache-Control", "public, max-age=31536000, immutable") // their names have a hash
			serve(w, r, r.URL.Path[1:])
		default:
			http.NotFound(w, r)
		}
	})
}

// policy permits files of this host, connections to this host and the origins in connect, and nothing else.
func policy(embedders, connect []string) string {
	ancestors := "'none'"
	if len(embedders) > 0 {
		ancestors = strings.Join(embedders, " ")
	}
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src " + strings.Join(append([]string{"'self'"}, connect...), " ") +
		"; base-uri 'none'; form-action 'none'; frame-ancestors " + ancestors
}

// serve answers with a file of the build, compressed as the client accepts it.
func serve(w http.ResponseWriter, r *http.Request, name string) {
	h := w.Header()
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		h.Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	h.Add("Vary", "Accept-Encoding")
	coding, suffix := encoding(r.Header.Get("Accept-Encoding"))
	f, ok := load(name + suffix)
	if !ok {
		coding = ""
		f, ok = load(name)
	}
	if !ok {
		h.Del("Cache-Control")
		http.NotFound(w, r)
		return
	}
	if coding != "" {
		h.Set("Content-Encoding", coding)
	}
	h.Set("Content-Type", mediaType(name))
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("ETag", f.etag)
	if strings.Contains(r.Header.Get("If-None-Match"), f.etag) {
		w.WriteHeader(http.StatusNotModified)
		return
	}
	if r.Method == http.MethodGet {
		_, _ = w.Write(f.bytes)
	}
}

func mediaType(name string) string {
	if path.Ext(name) == ".map" {
		return "application/json"
	}
	return mime.TypeByExtension(path.Ext(name))
}

// encoding chooses the content coding of an answer (RFC 9110 section 12.5.3) and the suffix of its files.
func encoding(accepted string) (coding, suffix string) {
	accepts := func(coding string) bool {
		for part := range strings.SplitSeq(accepted, ",") {
			name, params, _ := strings.Cut(strings.TrimSpace(part), ";")
			if strings.EqualFold(strings.TrimSpace(name), coding) {
				q := strings.ReplaceAll(params, " ", "")
				return q != "q=0" && !strings.HasPrefix(q, "q=0.0")
			}
		}
		return false
	}
	switch {
	case accepts("br"):
		return "br", ".br"
	case accepts("gzip"):
		return "gzip", ".gz"
	}
	return "", ""
}

// file is a file of the build with its entity tag.
type file struct {
	bytes []byte
	etag  string
}

// files are those that were asked for: there are a few dozen at most.
var files sync.Map // name -> file

func load(name string) (file, bool) {
	if f, ok := files.Load(name); ok {
		return f.(file), true //nolint:errcheck,forcetypeassert // nothing else is stored
	}
	b, err := fs.ReadFile(dist, "dist/"+name)
	if err != nil {
		return file{}, false
	}
	sum := sha256.Sum256(b)
	f := file{bytes: b, etag: `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`}
	files.Store(name, f)
	return f, true
}
