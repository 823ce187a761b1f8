package message

import (
	"chorus/adapter"
	"chorus/chat/store"
	"chorus/chat/view"

	"github.com/zishang520/socket.io/parsers/socket/v3/parser"
	"github.com/zishang520/socket.io/servers/socket/v3"
	"github.com/zishang520/socket.io/v3/pkg/types"
)

// tellPeers sends a message that was kept to the servers that do not know the store.
func (c *Messages) tellPeers(m *Outgoing, kept *store.Receipt) {
	if c.Options.Peers == nil || !c.Options.Peers() {
		return
	}
	peers, ok := c.Publisher.(adapter.PeerPublisher)
	if !ok {
		return
	}
	events := []addressed{{to: &socket.BroadcastOptions{Rooms: types.NewSet(socket.Room(m.Place.Log))}}}
	if m.Event == "" {
		events = m.events(view.Meta{ID: kept.ID, At: kept.At, From: view.From(m.From), Seq: kept.Seq, Cursor: kept.Cursor})
	} else {
		events[0].event = store.EventArgs(m.Event, m.Value)
	}
	for _, e := range events {
		for _, room := range m.except {
			e.to.Except = addTo(e.to.Except, room)
		}
		peers.PublishToPeers(&parser.Packet{Type: parser.EVENT, Data: e.event}, e.to)
	}
}

func addTo(set *types.Set[socket.Room], room socket.Room) *types.Set[socket.Room] {
	if set == nil {
		set = types.NewSet[socket.Room]()
	}
	set.Add(room)
	return set
}
