package node

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"chorus/chat"
	"chorus/chat/event"
	"chorus/chat/shape"
	"chorus/node/config"
)

// DeclaredEvents returns the declared events of a configuration.
func DeclaredEvents(cfg Config) ([]*event.Event, error) {
	events, _, err := ownEvents(&cfg)
	return events, err
}

// ownEvents compiles the declared events of a configuration, and what is declared for clients that connect.
func ownEvents(cfg *Config) (events []*event.Event, onConnect map[string]*event.Event, err error) {
	declarations := make([]event.Declaration, 0, len(cfg.Events))
	var errs []error
	if n, most := len(cfg.Events), cfg.Chat.Limits.Events; int64(n) > most {
		errs = append(errs, fmt.Errorf("%d events are declared, but chat.limits.events permits %d", n, most))
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Events)) {
		d, err := declarationOf(name, cfg.Events[name], cfg.Chat.Limits.Schema)
		errs = append(errs, err)
		declarations = append(declarations, d)
	}
	events, err = event.Compile(declarations)
	errs = append(errs, err)

	onConnect = make(map[string]*event.Event)
	for _, namespace := range slices.Sorted(maps.Keys(cfg.Namespaces)) {
		greeting := cfg.Namespaces[namespace].OnConnect
		if greeting == nil {
			continue
		}
		d := event.Declaration{Name: "on_connect", Namespace: namespace, Join: greeting.Join, Reply: replyOf(greeting.Reply)}
		compiled, err := event.Compile([]event.Declaration{d})
		if err != nil {
			errs = append(errs, fmt.Errorf("namespaces.%s: %w", namespace, err))
			continue
		}
		onConnect[namespace] = compiled[0]
	}
	if err := errors.Join(errs...); err != nil {
		return nil, nil, fmt.Errorf("%w: events: %w", ErrConfig, err)
	}
	return events, onConnect, nil
}

func declarationOf(name string, e config.EventConfig, most int64) (event.Declaration, error) {
	d := event.Declaration{
		Namespace: e.Namespace, Name: name, To: event.Recipients(e.To), Room: e.Room, User: e.User, Join: e.Join, Leave: e.Leave,
		As: e.As, Shape: e.Shape, Reply: replyOf(e.Reply), Ack: e.Ack, ExceptSender: e.ExceptSender, Volatile: e.Volatile,
		Latest: e.Latest.Of(name), History: e.History, MaxSize: int64(e.MaxSize), Rate: e.Rate.PerSecond(), Burst: int(e.Rate.Count), Hook: e.Hook,
	}
	if e.Schema == "" {
		return d, nil
	}
	text, err := os.ReadFile(e.Schema)
	if err != nil {
		return d, fmt.Errorf("events.%s.schema: %w", name, err)
	}
	if int64(len(text)) > most {
		return d, fmt.Errorf("events.%s.schema: the file has more than %d bytes: shorten it, or raise chat.limits.schema", name, most)
	}
	d.Schema = text
	return d, nil
}

func replyOf(r *config.ReplyConfig) *event.Reply {
	if r == nil {
		return nil
	}
	return &event.Reply{As: r.As, Shape: r.Shape}
}

// announcementOf compiles an announcement of rooms; key is where it stands.
func announcementOf(a *config.AnnouncementConfig, key string) (*chat.Announcement, error) {
	if a == nil {
		return nil, nil //nolint:nilnil // nothing is announced
	}
	compiled := &chat.Announcement{Event: a.Event}
	if a.Shape != nil {
		s, err := shape.Parse(a.Shape)
		if err != nil {
			return nil, fmt.Errorf("%w: %s.shape: %w", ErrConfig, key, err)
		}
		compiled.Shape = &s
	}
	return compiled, nil
}

// roomPolicies compiles what the rooms keep and tell.
func roomPolicies(rooms []config.RoomConfig) ([]chat.RoomPolicy, error) {
	policies := make([]chat.RoomPolicy, 0, len(rooms))
	errs := make([]error, 0, 2*len(rooms))
	for i, room := range rooms {
		p := chat.RoomPolicy{Match: room.Match, History: boundsOf(room.History), Receipts: room.Receipts, NoPresence: !room.Presence, Listed: room.Listed}
		var err error
		p.OnJoin, err = announcementOf(room.OnJoin, fmt.Sprintf("chat.rooms[%d].on_join", i))
		errs = append(errs, err)
		p.OnLeave, err = announcementOf(room.OnLeave, fmt.Sprintf("chat.rooms[%d].on_leave", i))
		errs = append(errs, err)
		policies = append(policies, p)
	}
	return policies, errors.Join(errs...)
}

// openNamespaces has the chat product serve the namespaces for which something is declared.
func (n *Node) openNamespaces(events []*event.Event, onConnect map[string]*event.Event) error {
	names := slices.Collect(maps.Keys(onConnect))
	for _, e := range events {
		names = append(names, e.Namespace)
	}
	slices.Sort(names)
	var errs []error
	for _, name := range slices.Compact(names) {
		if name != "/" {
			errs = append(errs, n.chat.Open(n.io.Of(name, nil)))
		}
	}
	return errors.Join(errs...)
}
