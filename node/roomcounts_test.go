package node_test

import "testing"

func TestRoomMetrics(t *testing.T) {
	cfg := valid()
	cfg.Admin.Listen = freeAddr(t)
	n := run(t, cfg)
	one, two := join(t, n.addr, token(t)), join(t, n.addr, token(t))
	for _, c := range []*rawClient{one, two} {
		c.ask(`["join","r"]`)
	}
	wantRooms := func(rooms, members string) {
		t.Helper()
		eventually(t, rooms+" rooms with "+members+" members", func() bool {
			return metric(t, cfg, "chorus_rooms") == rooms && metric(t, cfg, "chorus_room_members") == members
		})
	}
	wantRooms("2", "4") // r, and the room of the user
	two.send("41")
	wantRooms("2", "2")
	one.send("41")
	wantRooms("0", "0")
}
