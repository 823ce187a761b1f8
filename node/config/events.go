package config

import "errors"

// EventConfig declares an event of clients. See chat/event for what each member does.
type EventConfig struct {
	To           string         `yaml:"to" oneof:"everyone others room user self" help:"Receivers of the event. May be left out beside 'reply', 'join', 'leave' or 'hook'."`
	Room         string         `yaml:"room" empty:"the first argument" help:"The room, with 'to: room'."`
	User         string         `yaml:"user" empty:"the first argument" help:"The user, with 'to: user'."`
	Join         string         `yaml:"join" empty:"none" help:"A room that the sender joins."`
	Leave        string         `yaml:"leave" empty:"none" help:"A room that the sender leaves."`
	As           string         `yaml:"as" empty:"the same" help:"Name of the event for receivers."`
	Shape        any            `yaml:"shape" empty:"the arguments, unchanged" help:"The one value that receivers get, with placeholders."`
	Reply        *ReplyConfig   `yaml:"reply" help:"An event for the sending socket alone."`
	Ack          map[string]any `yaml:"ack" empty:"none" help:"Members of the acknowledgement besides 'ok', with placeholders."`
	ExceptSender bool           `yaml:"except_sender" default:"false" help:"Leaves out the sending socket."`
	Volatile     bool           `yaml:"volatile" default:"false" help:"Drops the event for a client that does not keep up."`
	Latest       SlotName       `yaml:"latest" empty:"off" help:"'true', or the name of a slot that several events share: for a client that does not keep up, the newest event of a sender takes the place of the one before."`
	History      bool           `yaml:"history" default:"false" help:"Keeps the event in the history of its room."`
	Schema       string         `yaml:"schema" empty:"none" help:"File with a JSON Schema (2020-12) of the array of arguments."`
	MaxSize      Size           `yaml:"max_size" default:"0" empty:"that of 'max_payload'" help:"Largest size of the arguments as JSON."`
	Rate         Rate           `yaml:"rate" default:"0" empty:"no limit" help:"How often a connection may send the event."`
	Hook         bool           `yaml:"hook" default:"false" help:"Asks the authorise hook."`
	Namespace    string         `yaml:"namespace" default:"/" help:"Namespace of the event."`
}

// ReplyConfig declares what the sending socket alone gets.
type ReplyConfig struct {
	As    string `yaml:"as" required:"true" help:"Name of an event for the sending socket alone."`
	Shape any    `yaml:"shape" empty:"no value" help:"Its value, with placeholders."`
}

// NamespaceConfig declares what happens in a namespace.
type NamespaceConfig struct {
	OnConnect *GreetingConfig `yaml:"on_connect" help:"What is done for a client that connects."`
}

// GreetingConfig declares what is done for a client that connects.
type GreetingConfig struct {
	Join  string       `yaml:"join" empty:"none" help:"A room that the client joins when it connects."`
	Reply *ReplyConfig `yaml:"reply" help:"An event for the sending socket alone."`
}

// AnnouncementConfig declares an event by which a room hears of users who come and go.
type AnnouncementConfig struct {
	Event string `yaml:"event" required:"true" help:"Name of the event."`
	Shape any    `yaml:"shape" empty:"no value" help:"Its value, with the placeholders '{sub}', '{name}', '{room}', '{count}' and '{at}'."`
}

// SlotName is the name of a slot for the newest event; true stands for the event's own.
type SlotName struct {
	Own  bool
	Name string
}

// SetYAML implements FromYAML.
func (s *SlotName) SetYAML(value any) error {
	switch v := value.(type) {
	case bool:
		*s = SlotName{Own: v}
	case string:
		*s = SlotName{Name: v}
	default:
		return errors.New("write true, or the name of a slot")
	}
	return nil
}

// Of returns the slot of an event; empty for none.
func (s SlotName) Of(event string) string {
	if s.Own {
		return event
	}
	return s.Name
}
