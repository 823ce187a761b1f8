package request_test

import (
	"net/http/httptest"
	"reflect"
	"testing"

	"chorus/engine/request"
)

func TestCompactKeepsTheRequest(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("GET", "http://example.com/socket.io/?EIO=4&token=a%20b", nil)
	for name, values := range map[string][]string{
		"User-Agent": {"test"}, "Cookie": {"a=1", "b=2"}, "Authorization": {"Bearer x"}, "Connection": {"keep-alive, Upgrade"}, "Upgrade": {"WebSocket"},
	} {
		r.Header[name] = values
	}
	again := request.Keep(r).Request()
	if !reflect.DeepEqual(again.Header, r.Header) {
		t.Errorf("the header is %v, want %v", again.Header, r.Header)
	}
	if again.Host != r.Host || again.RequestURI != r.RequestURI || again.RemoteAddr != r.RemoteAddr || again.URL.RawQuery != r.URL.RawQuery || again.Proto != r.Proto {
		t.Errorf("it is %+v", again)
	}
	if !request.IsUpgrade(again) {
		t.Error("it is no upgrade any more")
	}
}

func TestQueryIsReadAsNodeDoes(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]map[string][]string{
		"":                   {},
		"a=1&a=2&b":          {"a": {"2"}, "b": {""}},
		"a=1;b=2&&c=%zz+%20": {"a": {"1;b=2"}, "c": {"%zz  "}},
		"a=%e4&%62=%":        {"a": {"\xe4"}, "b": {"%"}},
	} {
		r := httptest.NewRequest("GET", "/", nil)
		r.URL.RawQuery = query
		if got := request.Query(r); !reflect.DeepEqual(map[string][]string(got), want) {
			t.Errorf("%q is %v, want %v", query, got, want)
		}
	}
}
