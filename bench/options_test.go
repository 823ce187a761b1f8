package bench

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestOptionsAreChecked(t *testing.T) {
	for name, test := range map[string]struct {
		change func(*Options)
		field  string
	}{
		"no server":           {func(o *Options) { o.URLs = nil }, "URLs"},
		"no URL":              {func(o *Options) { o.URLs = []string{"localhost:3000"} }, "URLs"},
		"no host":             {func(o *Options) { o.URLs = []string{"http://"} }, "URLs"},
		"TLS":                 {func(o *Options) { o.URLs = []string{"https://localhost"} }, "URLs"},
		"unknown protocol":    {func(o *Options) { o.Protocol = "smtp" }, "Protocol"},
		"negative number":     {func(o *Options) { o.Connections = -1 }, "Connections"},
		"negative rate":       {func(o *Options) { o.Rate = -1 }, "Rate"},
		"negative time":       {func(o *Options) { o.WarmUp = -time.Second }, "WarmUp"},
		"too many senders":    {func(o *Options) { o.Senders = 101 }, "Senders"},
		"senders and stalled": {func(o *Options) { o.Senders, o.Stalled = 60, 60 }, "Stalled"},
		"too large a payload": {func(o *Options) { o.Payload = maxPayload + 1 }, "Payload"},
		"rooms of bare":       {func(o *Options) { o.Protocol, o.Rooms = Bare, 2 }, "Rooms"},
		"more than all rooms": {func(o *Options) { o.Rooms, o.RoomsPerClient = 2, 3 }, "RoomsPerClient"},
		"binary requests":     {func(o *Options) { o.Binary, o.Echo = true, true }, "Binary"},
		"binary JSON":         {func(o *Options) { o.Binary, o.Protocol = true, Centrifuge }, "Binary"},
		"polling of JSON":     {func(o *Options) { o.Polling, o.Protocol = true, Centrifuge }, "Polling"},
		"polling of bytes":    {func(o *Options) { o.Polling, o.Binary = true, true }, "Polling"},
		"options of a join":   {func(o *Options) { o.JoinOptions = "{" }, "JoinOptions"},
		"pings of polling":    {func(o *Options) { o.Polling, o.PingRate = true, 1 }, "PingRate"},
		"a negative ping":     {func(o *Options) { o.PingRate = -1 }, "PingRate"},
		"echo to rooms":       {func(o *Options) { o.Echo, o.Rooms = true, 1 }, "Rooms"},
		"echo without one":    {func(o *Options) { o.Echo, o.Protocol = true, Bare }, "Echo"},
		"too many files":      {func(o *Options) { o.Connections = 1 << 30 }, "Connections"},
	} {
		o := Options{URLs: []string{"http://localhost:3000"}}
		test.change(&o)
		_, err := Run(context.Background(), o)
		if !errors.Is(err, ErrOptions) || !strings.Contains(err.Error(), test.field) {
			t.Errorf("%s: %v, want an error about %s", name, err, test.field)
		}
	}
}

func TestDialectsWrite(t *testing.T) {
	value := []byte(`{"text":"hi"}`)
	for name, test := range map[string]struct{ got, want string }{
		"event":         {string(newSocketIO(&Options{Event: "say"}).publish(nil, "", value)), `42["say",{"text":"hi"}]`},
		"event of room": {string(newSocketIO(&Options{Event: "say", Namespace: "chat"}).publish(nil, "room-1", value)), `42/chat,["say","room-1",{"text":"hi"}]`},
		"attachment":    {string(newSocketIO(&Options{Event: "say", Binary: true}).publish(nil, "room-1", value)), `451-["say","room-1",{"_placeholder":true,"num":0}]`},
		"request":       {string(newSocketIO(&Options{Event: "echo", Namespace: "/chat"}).request(nil, 7, value)), `42/chat,7["echo",{"text":"hi"}]`},
		"publish":       {string(newCentrifuge(&Options{}).publish(nil, "", value)), `{"id":3,"publish":{"channel":"bench","data":{"text":"hi"}}}`},
		"procedure":     {string(newCentrifuge(&Options{Event: "echo"}).request(nil, 7, value)), `{"id":10,"rpc":{"method":"echo","data":{"text":"hi"}}}`},
	} {
		if test.got != test.want {
			t.Errorf("%s: %s, want %s", name, test.got, test.want)
		}
	}
}
