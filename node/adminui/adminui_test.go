package adminui_test

import (
	"strings"
	"testing"

	"chorus/node/adminui"
)

func TestNewNamesWhatIsMissing(t *testing.T) {
	if _, err := adminui.New(adminui.Options{}); err == nil || !strings.Contains(err.Error(), "Options.IO, Options.SignIn or Options.Figures") {
		t.Error(err)
	}
}

func TestSignIn(t *testing.T) {
	s := serve(t, nil)
	for _, bad := range []string{
		``, `{}`, `{"username":"ops"}`, `{"username":"ops","password":"wrong"}`, `{"username":["ops"],"password":{"$ne":1}}`, `{"sessionId":7}`, `{"sessionId":"another"}`,
	} {
		_, refusal := s.dial(adminui.Name, bad)
		if want := `4/admin,{"message":"` + adminui.ErrCredentials.Error() + `"}`; refusal != want {
			t.Errorf("%s: %s, want %s", bad, refusal, want)
		}
	}
	ops := s.admin("ops")
	ops.hears(`["session","session of ops"]`)
	ops.hears(`["config",`, `"EMIT"`, `"MDISCONNECT"`, `"ALL_EVENTS"`)
	again, refusal := s.dial(adminui.Name, `{"sessionId":"session of ops"}`)
	if refusal != "" {
		t.Fatal(refusal)
	}
	again.hears(`["config",`, `"EMIT"`)
	viewer := s.admin("viewer")
	if packet := viewer.hears(`["config",`); strings.Contains(packet, "EMIT") || strings.Contains(packet, "DISCONNECT") {
		t.Errorf("a reader may write: %s", packet)
	}
}

func TestWhatIsThere(t *testing.T) {
	s := serve(t, nil)
	before := s.user()
	before.emit(`["join","team"]`)
	ops := s.admin("ops")
	all := ops.hears(`["all_sockets",`, before.id)
	for _, want := range []string{`"nsp":"/"`, `"transport":"websocket"`, `"user":"somebody"`, `"address":`} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not in %s", want, all)
		}
	}
	if strings.Contains(all, "a-secret-of") {
		t.Errorf("headers with secrets are told: %s", all)
	}
	stats := ops.hears(`["server_stats",`, `"clientsCount":2`) // the first may be made before the second client counts
	for _, want := range []string{`"serverId":"node-1"`, `"hostname":`, `"pid":`, `"uptime":`, `{"name":"/","socketsCount":1}`} {
		if !strings.Contains(stats, want) {
			t.Errorf("%s is not in %s", want, stats)
		}
	}

	late := s.user()
	ops.hears(`["socket_connected",`, late.id)
	late.emit(`["join","blue"]`)
	ops.hears(`["room_joined","/","blue","` + late.id)
	late.emit(`["say",{"n":12345678901234567890}]`)
	ops.hears(`["event_received","/","`+late.id, `["say",{"n":12345678901234567890}]`)
	late.emit(`["token:refresh",{"token":"eyJ"}]`)
	if packet := ops.hears(`["event_received",`, `"token:refresh"`); strings.Contains(packet, "eyJ") || !strings.Contains(packet, "[redacted]") {
		t.Errorf("a token is told: %s", packet)
	}
	late.emit(`["say","` + strings.Repeat("x", 8<<10) + `"]`)
	ops.hears(`["event_received",`, `["say","[too large to show]"]`)
	_ = late.ws.Close()
	ops.hears(`["socket_disconnected","/","` + late.id)
}

func TestCommands(t *testing.T) {
	s := serve(t, nil)
	one, other := s.user(), s.user()
	viewer := s.admin("viewer")
	viewer.hears(`["config",`)
	viewer.emit(`["emit","/",null,"hello","from a reader"]`)
	viewer.emit(`["_disconnect","/",true]`)
	ops := s.admin("ops")
	ops.hears(`["config",`)
	// Nothing that makes no sense does anything.
	for _, nonsense := range []string{
		`["emit"]`, `["emit",7,{},[]]`, `["join","/"]`, `["join","/nowhere","x"]`, `["_disconnect","/nowhere",true]`, `["leave","/",null,null]`, `["emit","/",null,""]`, `["emit","/",null,null]`, `["join","/",""]`,
	} {
		ops.emit(nonsense)
	}
	ops.emit(`["emit","/",null,"hello",1,{"two":2}]`)
	for _, c := range []*client{one, other} {
		if packet := c.next(); packet != `2["hello",1,{"two":2}]` {
			t.Errorf("heard %s", packet)
		}
	}
	ops.emit(`["join","/","blue","` + one.id + `"]`)
	ops.hears(`["room_joined","/","blue","` + one.id)
	ops.emit(`["emit","/","blue","hello","in the room"]`)
	ops.emit(`["emit","/","` + other.id + `","hello","to one"]`)
	if packet := one.next(); packet != `2["hello","in the room"]` {
		t.Errorf("in the room: %s", packet)
	}
	if packet := other.next(); packet != `2["hello","to one"]` {
		t.Errorf("to one: %s", packet)
	}
	ops.emit(`["leave","/","blue","` + one.id + `"]`)
	ops.hears(`["room_left","/","blue","` + one.id)
	ops.emit(`["_disconnect","/",false,"` + other.id + `"]`)
	if packet := other.next(); packet != `1` {
		t.Errorf("not disconnected: %s", packet)
	}
	ops.emit(`["_disconnect","/",true,"` + one.id + `"]`)
	if packet := one.next(); packet != "" && packet != "1" {
		t.Errorf("not disconnected: %s", packet)
	}
}

func TestBounds(t *testing.T) {
	s := serve(t, func(o *adminui.Options) { o.MostSockets, o.MostEvents = 2, 5 })
	users := []*client{s.user(), s.user(), s.user()}
	ops := s.admin("ops")
	if n := strings.Count(ops.hears(`["all_sockets",`), `"nsp":"/"`); n != 2 {
		t.Errorf("%d sockets are told, 2 at most", n)
	}
	for range 200 {
		users[0].emit(`["say",1]`)
		users[1].emit(`["say",2]`)
		users[2].emit(`["say",3]`)
	}
	// What is left out leaves room for the figures, which come every two seconds. One interval may have ended meanwhile.
	events := 0
	for {
		packet := ops.next()
		if strings.Contains(packet, `"event_`) {
			events++
		}
		if strings.Contains(packet, `["server_stats",`) && strings.Contains(packet, `"type":"packetsIn"`) {
			break
		}
	}
	if most := 2 * 2 * 5; events > most {
		t.Errorf("%d events are told, %d at most", events, most)
	}
}
