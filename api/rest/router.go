package rest

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// route is an operation with what handles it.
type route struct {
	op       Operation
	segments []string // of its path; "{room}" stands for any
	huma     *huma.Operation
	handle   func(huma.Context)
	page     http.HandlerFunc // in place of huma and handle
}

// router finds the operation of a request. Segments of a path are compared and taken decoded, one by one: the name of a
// room may have slashes. It is not changed once the API serves.
type router struct {
	routes []*route
	next   route // what Register knows of the route that huma adds next
}

var _ huma.Adapter = (*router)(nil)

func newRouter() *router { return &router{} }

// Handle implements huma.Adapter.
func (r *router) Handle(op *huma.Operation, handler func(huma.Context)) {
	added := r.next
	added.segments, added.huma, added.handle = strings.Split(op.Path[1:], "/"), op, handler
	r.routes = append(r.routes, &added)
}

// page adds a page that needs no key and is not in the document.
func (r *router) page(id, path string, serve http.HandlerFunc) {
	r.routes = append(r.routes, &route{
		op:       Operation{ID: id, Method: http.MethodGet, Path: path, Open: true, Batch: true},
		segments: strings.Split(path[1:], "/"), page: serve,
	})
}

// ServeHTTP implements huma.Adapter; API.ServeHTTP serves.
func (r *router) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	w.WriteHeader(http.StatusNotFound)
}

// match returns the operation of a method and a path below Prefix, with the values of the path, or the methods that the
// path has. A request by HEAD is one by GET.
func (r *router) match(method, path string) (found *route, values map[string]string, allowed []string, err *Problem) {
	segments, err := segmentsOf(path)
	if err != nil {
		return nil, nil, nil, err
	}
	if method == http.MethodHead {
		method = http.MethodGet
	}
	for _, candidate := range r.routes {
		got, ok := candidate.fits(segments)
		if !ok {
			continue
		}
		allowed = append(allowed, candidate.op.Method)
		if candidate.op.Method == http.MethodGet {
			allowed = append(allowed, http.MethodHead)
		}
		if candidate.op.Method == method && (found == nil || len(got) < len(values)) {
			found, values = candidate, got
		}
	}
	if len(allowed) > 0 {
		allowed = append(allowed, http.MethodOptions)
		slices.Sort(allowed)
		allowed = slices.Compact(allowed)
	}
	return found, values, allowed, nil
}

// fits compares the segments of a path with those of the route.
func (r *route) fits(segments []string) (values map[string]string, ok bool) {
	if len(segments) != len(r.segments) {
		return nil, false
	}
	for i, want := range r.segments {
		if name, isValue := strings.CutPrefix(want, "{"); isValue {
			if segments[i] == "" {
				return nil, false
			}
			if values == nil {
				values = make(map[string]string, 2)
			}
			values[strings.TrimSuffix(name, "}")] = segments[i]
			continue
		}
		if want != segments[i] {
			return nil, false
		}
	}
	return values, true
}

// segmentsOf decodes the segments of a path that begins with a slash.
func segmentsOf(path string) ([]string, *Problem) {
	segments := strings.Split(strings.TrimPrefix(path, "/"), "/")
	for i, segment := range segments {
		decoded, err := url.PathUnescape(segment)
		if err != nil || !utf8.ValidString(decoded) {
			return nil, NewProblem(http.StatusBadRequest, "bad_request", "the path is not percent-encoded UTF-8")
		}
		segments[i] = decoded
	}
	return segments, nil
}

// Handles reports whether a path is one of the API.
func Handles(path string) bool {
	rest, ok := cutPrefix(path)
	return ok && (rest == "" || rest[0] == '/')
}

// cutPrefix returns the part of a path behind Prefix.
func cutPrefix(path string) (rest string, ok bool) { return strings.CutPrefix(path, Prefix) }

// serve has huma handle a request.
func (r *route) serve(w http.ResponseWriter, req *http.Request, values map[string]string) {
	if r.page != nil {
		r.page(w, req)
		return
	}
	for name, value := range values {
		req.SetPathValue(name, value)
	}
	r.handle(humago.NewContext(r.huma, req, w))
}
