package hook

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"chorus/chat"
)

func TestAnswers(t *testing.T) {
	t.Parallel()
	event, publish := &chat.Action{Kind: chat.ActionEvent}, &chat.Action{Kind: chat.ActionPublish}
	for name, test := range map[string]struct {
		status int
		body   string
		action *chat.Action
		check  func(*verdict) bool // nil for a failure
	}{
		"204":                          {204, "", publish, func(v *verdict) bool { return v.allow }},
		"403 without a body":           {403, "", publish, func(v *verdict) bool { return !v.allow && v.code == "forbidden" && v.message != "" }},
		"403 with a page":              {403, "<html>", publish, func(v *verdict) bool { return !v.allow && v.code == "forbidden" }},
		"403 with a code":              {403, `{"code":"x","message":"y"}`, publish, func(v *verdict) bool { return v.code == "x" && v.message == "y" }},
		"a 403 cannot permit":          {403, `{"allow":true}`, publish, func(v *verdict) bool { return !v.allow }},
		"a code too long is not used":  {200, `{"allow":false,"code":"` + strings.Repeat("x", 300) + `"}`, publish, func(v *verdict) bool { return v.code == "forbidden" }},
		"a message too long is cut":    {200, `{"allow":false,"message":"` + strings.Repeat("ä", 3000) + `"}`, publish, func(v *verdict) bool { return v.message == strings.Repeat("ä", 2048) }},
		"unknown members":              {200, `{"allow":true,"later":1}`, publish, func(v *verdict) bool { return v.allow && v.isEmpty() && v.until.IsZero() }},
		"a value keeps its digits":     {200, `{"allow":true,"value": {"n": 12345678901234567890}}`, publish, func(v *verdict) bool { return text(*v.value) == `{"n":12345678901234567890}` }},
		"null is no value":             {200, `{"allow":true,"value":null,"claims":null,"rooms":null}`, publish, func(v *verdict) bool { return v.isEmpty() }},
		"an answer of an event":        {200, `{"allow":true,"ack":null,"args":[1]}`, event, func(v *verdict) bool { return text(*v.ack) == "null" && len(v.args) == 1 }},
		"ack is for events":            {200, `{"allow":true,"ack":1}`, publish, func(v *verdict) bool { return v.ack == nil }},
		"registered claims are passed": {200, `{"allow":true,"claims":{"sub":"root","exp":1,"a":1.50}}`, publish, func(v *verdict) bool { return len(v.claims) == 1 && v.claims["a"] == json.Number("1.50") }},
		"to self without to":           {200, `{"allow":true,"emit":[{"event":"x"}]}`, publish, func(v *verdict) bool { return v.emit[0].To.Self }},
		"half a second":                {200, `{"allow":true,"cache":0.5}`, publish, func(v *verdict) bool { return v.until.Sub(v.at).Milliseconds() == 500 }},
		"for ever":                     {200, `{"allow":true,"cache":1e300}`, publish, func(v *verdict) bool { return v.until.Sub(v.at) == maxCache }},

		"a list":                  {200, `[true]`, publish, nil},
		"more behind":             {200, `{"allow":true}{"allow":false}`, publish, nil},
		"no UTF-8":                {200, "{\"allow\":true,\"x\":\"\xff\"}", publish, nil},
		"null":                    {200, `null`, publish, nil},
		"allow is null":           {200, `{"allow":null}`, publish, nil},
		"cache is negative":       {200, `{"allow":true,"cache":-1}`, publish, nil},
		"cache is a text":         {200, `{"allow":true,"cache":"1"}`, publish, nil},
		"rooms are a text":        {200, `{"allow":true,"rooms":"x"}`, publish, nil},
		"too many rooms":          {200, `{"allow":true,"rooms":["` + strings.Repeat(`x","`, 100) + `x"]}`, publish, nil},
		"claims are a list":       {200, `{"allow":true,"claims":[]}`, publish, nil},
		"an event without a name": {200, `{"allow":true,"emit":[{"to":"self","args":[]}]}`, publish, nil},
		"an event to nobody":      {200, `{"allow":true,"emit":[{"to":{},"event":"x"}]}`, publish, nil},
		"an event to a word":      {200, `{"allow":true,"emit":[{"to":"all","event":"x"}]}`, publish, nil},
		"an event to no room":     {200, `{"allow":true,"emit":[{"to":{"rooms":["\u0000x"]},"event":"x"}]}`, publish, nil},
		"202":                     {http.StatusAccepted, `{"allow":true}`, publish, nil},
		"500":                     {500, `{"allow":true}`, publish, nil},
	} {
		v, err := read(test.status, []byte(test.body), test.action)
		switch {
		case test.check == nil && err == nil:
			t.Errorf("%s: %+v, want a failure", name, v)
		case test.check != nil && (err != nil || !test.check(v)):
			t.Errorf("%s: %+v, %v", name, v, err)
		}
	}
}

func text(value any) string {
	raw, _ := value.(json.RawMessage)
	return string(raw)
}

func FuzzAnswer(f *testing.F) {
	f.Add(200, `{"allow":true,"value":1,"rooms":["a"],"claims":{"a":1},"emit":[{"to":{"users":["u"]},"event":"e","args":[1]}],"cache":3}`)
	f.Add(403, `{"code":"x"}`)
	f.Fuzz(func(t *testing.T, status int, body string) {
		v, err := read(status, []byte(body), &chat.Action{Kind: chat.ActionEvent})
		if err == nil && v.allow && status != 200 && status != 204 {
			t.Errorf("status %d permits", status)
		}
	})
}
