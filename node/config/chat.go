package config

import "time"

// ChatConfig describes the chat product: the requests of clients in the main namespace.
type ChatConfig struct {
	Meta             bool          `yaml:"meta" default:"false" help:"Gives 'message' one more argument that clients can trust: '{id, at, from}'. 'publish' always has it."`
	PublishNeedsJoin bool          `yaml:"publish_needs_join" default:"true" help:"Clients may publish only to rooms that they have joined. A client whose token permits it to publish but not to join is not asked."`
	NameClaim        string        `yaml:"name_claim" default:"name" required:"true" help:"Claim with the name of a user; dots lead into objects."`
	Idempotency      time.Duration `yaml:"idempotency" default:"5m" min:"1s" max:"24h" help:"How long the cluster remembers the ids that clients choose for their messages. The same id in this time is delivered once."`
	Typing           time.Duration `yaml:"typing" default:"5s" min:"1s" max:"1m" help:"A user who types stops by itself after this time."`
	MaxValue         int64         `yaml:"max_value" default:"65536" unit:"bytes" min:"256" help:"Largest value of a message that is kept in a history."`

	Presence PresenceConfig `yaml:"presence"`
	Direct   DirectConfig   `yaml:"direct"`
	Limits   ChatLimits     `yaml:"limits"`
	Rooms    []RoomConfig   `yaml:"rooms" empty:"no room keeps history" help:"What the rooms of a pattern keep and tell. The first pattern that fits counts."`
}

// ChatLimits bounds what the chat product keeps, besides the history of each room.
type ChatLimits struct {
	Rooms         int64 `yaml:"rooms" default:"100000" min:"1" help:"Rooms and conversations of the cluster that have a history. A message in one more is refused with 'limit_reached'."`
	RememberedIDs int64 `yaml:"remembered_ids" default:"10000" min:"0" max:"1000000" help:"Ids that clients chose for messages which a room keeps no more. Beyond, the oldest is forgotten before 'chat.idempotency' ends."`
	OnceIDs       int64 `yaml:"once_ids" default:"100000" min:"100" help:"Ids that clients chose for messages in rooms without history, and users in slow mode, which a node without Redis remembers. Beyond, the oldest is forgotten."`
	Mentions      int64 `yaml:"mentions" default:"100" min:"1" max:"1000" help:"Users that a message names in 'mentions'. More are refused with 'bad_request'."`
	Reactions     int64 `yaml:"reactions" default:"10000" min:"1" max:"1000000" help:"Reactions to a message. One more is refused with 'limit_reached'."`
	ReactionKeys  int64 `yaml:"reaction_keys" default:"20" min:"1" max:"1000" help:"Different reactions to a message. One more is refused with 'limit_reached'."`
	Text          int64 `yaml:"text" default:"262144" unit:"bytes" min:"256" help:"Largest text that 'append' writes. More is refused with 'too_large'."`
	Markers       int64 `yaml:"markers" default:"1000" min:"1" max:"100000" help:"Rooms in which a user has a read marker. 'read' in one more is refused with 'limit_reached'; a message there moves no marker."`
	Bars          int64 `yaml:"bars" default:"10000" min:"1" max:"1000000" help:"Mutes and bans of a room, or of everywhere. One more is refused with 'limit_reached', unless another has ended."`
	Reports       int64 `yaml:"reports" default:"1000" min:"1" max:"100000" help:"Reports of a room that are kept. Beyond, the oldest is dropped."`
	Events        int64 `yaml:"events" default:"1000" min:"0" max:"10000" help:"Declared events. With more the node does not start."`
	Schema        int64 `yaml:"schema" default:"65536" unit:"bytes" min:"2" help:"Largest file of a JSON Schema. With a larger one the node does not start."`
}

// PresenceConfig describes who is told about the users of a room.
type PresenceConfig struct {
	Grace       time.Duration `yaml:"grace" default:"5s" min:"0s" max:"5m" help:"A user whose last connection to a room is lost is still there for this time."`
	BatchAbove  int64         `yaml:"batch_above" default:"200" min:"1" help:"In rooms with more users changes are told together, once a second."`
	CountsAbove int64         `yaml:"counts_above" default:"5000" min:"1" help:"In rooms with more users only the number is told, at most once a second."`
	MaxData     int64         `yaml:"max_data" default:"1024" unit:"bytes" min:"2" max:"65536" help:"Largest data of a user's 'status'."`
}

// DirectConfig describes conversations of two users.
type DirectConfig struct {
	History HistoryConfig `yaml:"history"`
}

// HistoryConfig bounds what is kept of a room. Without any bound nothing is kept.
type HistoryConfig struct {
	Messages int64         `yaml:"messages" default:"0" min:"0" max:"1000000" empty:"no bound" help:"How many messages are kept."`
	Age      time.Duration `yaml:"age" default:"0s" min:"0s" empty:"no bound" help:"How long messages are kept."`
	Bytes    int64         `yaml:"bytes" default:"0" unit:"bytes" min:"0" empty:"no bound" help:"How much is kept."`
}

// RoomConfig describes the rooms whose names fit a pattern.
type RoomConfig struct {
	Match    string              `yaml:"match" required:"true" help:"Pattern of names: '*' stands for any characters, '?' for one."`
	History  HistoryConfig       `yaml:"history"`
	Receipts bool                `yaml:"receipts" default:"false" help:"Tells the room up to where each user has read."`
	Presence bool                `yaml:"presence" default:"true" help:"Clients may see who is in the room."`
	Listed   bool                `yaml:"listed" default:"false" help:"Clients that may join a room find it with 'rooms'. Otherwise they must know its name."`
	OnJoin   *AnnouncementConfig `yaml:"on_join" help:"An event by which the others of a room hear that a user came."`
	OnLeave  *AnnouncementConfig `yaml:"on_leave" help:"An event by which the others of a room hear that a user left."`
}
