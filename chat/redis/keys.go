package redis

import "strings"

// keys is the prefix of the keys and channels of a cluster.
type keys string

// braces would end a hash tag.
var braces = strings.NewReplacer("%", "%25", "{", "%7B", "}", "%7D")

// of returns the name of what belongs to a room or a user; all that belongs to one is in one slot.
func (k keys) of(kind, name string) string {
	return string(k) + "-chat:" + kind + ":{%" + braces.Replace(name) + "}"
}

// channel returns the channel of a topic.
func (k keys) channel(topic string) string { return string(k) + "-chat#" + topic }

// topic returns the topic of a channel.
func (k keys) topic(channel string) string { return strings.TrimPrefix(channel, string(k)+"-chat#") }

// all is the channel that every node follows.
func (k keys) all() string { return string(k) + "-chat-all" }

// channels returns the number of topics and their channels, as scripts take them.
func (k keys) channels(topics []string) []any {
	args := append(make([]any, 0, 1+len(topics)), len(topics))
	for _, topic := range topics {
		args = append(args, k.channel(topic))
	}
	return args
}
