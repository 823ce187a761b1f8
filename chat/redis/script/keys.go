package script

import "strings"

// Keys is the prefix of the keys and channels of a cluster.
type Keys string

// braces would end a hash tag.
var braces = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// Of returns the name of what belongs to a room or a user; all that belongs to one is in one slot.
func (k Keys) Of(kind, name string) string {
	return string(k) + "-chat:" + kind + ":{%" + braces.Replace(name) + "}"
}

// Channel returns the channel of a topic.
func (k Keys) Channel(topic string) string { return string(k) + "-chat#" + topic }

// Topic returns the topic of a channel.
func (k Keys) Topic(channel string) string { return strings.TrimPrefix(channel, string(k)+"-chat#") }

// All is the channel that every node follows.
func (k Keys) All() string { return string(k) + "-chat-all" }

// Channels returns the number of topics and their channels, as scripts take them.
func (k Keys) Channels(topics []string) []any {
	args := append(make([]any, 0, 1+len(topics)), len(topics))
	for _, topic := range topics {
		args = append(args, k.Channel(topic))
	}
	return args
}
