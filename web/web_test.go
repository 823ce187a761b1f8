package web

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestChatWithoutBuildSaysHow(t *testing.T) {
	if Built() {
		t.Skip("the pages are built")
	}
	w := httptest.NewRecorder()
	Chat(Config{}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
	if w.Code != http.StatusOK || w.Body.String() != Missing {
		t.Errorf("got %d %q, want the sentence that says how to build the pages", w.Code, w.Body)
	}
}

func TestChatConfig(t *testing.T) {
	w := httptest.NewRecorder()
	Chat(Config{Path: "/socket.io/", Version: "v1"}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/chorus.json", nil))
	want := `{"dev":false,"path":"/socket.io/","version":"v1","embedders":[]}`
	if w.Body.String() != want {
		t.Errorf("got %s, want %s", w.Body, want)
	}
}

func TestFilesOutsideOfTheBuild(t *testing.T) {
	for _, path := range []string{"/web.go", "/assets/../chat.html", "/assets/", "/assets/nothing.js", "/README"} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		r.URL.Path = path
		w := httptest.NewRecorder()
		Chat(Config{}).ServeHTTP(w, r)
		if w.Code != http.StatusNotFound {
			t.Errorf("%s: got %d, want 404", path, w.Code)
		}
	}
}

func TestPolicy(t *testing.T) {
	tests := []struct {
		name      string
		embedders []string
		want      string
	}{
		{"nobody embeds", nil, "frame-ancestors 'none'"},
		{"named embedders", []string{"https://a.example", "https://b.example"}, "frame-ancestors https://a.example https://b.example"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := httptest.NewRecorder()
			Chat(Config{Embedders: tt.embedders}).ServeHTTP(w, httptest.NewRequest(http.MethodGet, "/", nil))
			if got := w.Header().Get("Content-Security-Policy"); !strings.HasSuffix(got, tt.want) {
				t.Errorf("got %q, want it to end with %q", got, tt.want)
			}
		})
	}
}

func TestEncoding(t *testing.T) {
	tests := []struct{ accepted, want string }{
		{"", ""},
		{"gzip", "gzip"},
		{"gzip, deflate, br", "br"},
		{"br;q=0, gzip", "gzip"},
		{"GZIP;q=0.5", "gzip"},
		{"gzip; q=0", ""},
		{"identity", ""},
		{"brotli", ""},
	}
	for _, tt := range tests {
		if got, _ := encoding(tt.accepted); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.accepted, got, tt.want)
		}
	}
}

func TestClientFiles(t *testing.T) {
	if !Built() {
		t.Skip("the pages are not built")
	}
	handler, names := Client("/socket.io/")
	if len(names) != 8 {
		t.Errorf("got the files %q, want four and their maps", names)
	}
	for _, name := range names {
		for _, coding := range []string{"", "gzip", "br"} {
			r := httptest.NewRequest(http.MethodGet, "/socket.io/"+name, nil)
			r.Header.Set("Accept-Encoding", coding)
			w := httptest.NewRecorder()
			handler.ServeHTTP(w, r)
			if w.Code != http.StatusOK || w.Header().Get("Content-Encoding") != coding {
				t.Errorf("%s as %q: got %d as %q", name, coding, w.Code, w.Header().Get("Content-Encoding"))
			}
			again := httptest.NewRecorder()
			r.Header.Set("If-None-Match", w.Header().Get("ETag"))
			handler.ServeHTTP(again, r)
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
				t.Errorf("%s again: got %d with %d bytes, want 304 without", name, again.Code, again.Body.Len())
			}
		}
	}
}
