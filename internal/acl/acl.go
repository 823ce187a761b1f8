// Package acl describes what a user of Redis must be permitted. Each part that talks to Redis reports its own needs;
// what "chorus check --redis-acl" prints and the check at the start of a node follow from these reports.
package acl

import (
	"slices"
	"strings"
)

// Command is a command that a part runs on Redis.
type Command struct {
	// Name is the command, with "|" before its subcommand, in lower case: "xadd", "pubsub|numsub".
	Name string
	// Args are arguments as the part has them, with one of its keys or channels.
	Args []string
	// Keys and Channels are patterns for all keys and channels that it uses the command on.
	Keys, Channels []string
}

// On returns commands that work on keys of a pattern, key being one of them. A command is its name and the arguments
// behind the key, with spaces between: "hset x x". One of the form "eval" has its key where scripts have it.
func On(pattern, key string, commands ...string) []Command {
	list := make([]Command, 0, len(commands))
	for _, text := range commands {
		words := strings.Fields(text)
		args := append([]string{key}, words[1:]...)
		if words[0] == "eval" || words[0] == "evalsha" {
			args = []string{"0", "1", key}
		}
		list = append(list, Command{Name: words[0], Args: args, Keys: []string{pattern}})
	}
	return list
}

// Plain returns commands without keys. A command is its name and its arguments, with spaces between.
func Plain(commands ...string) []Command {
	list := make([]Command, 0, len(commands))
	for _, text := range commands {
		words := strings.Fields(text)
		list = append(list, Command{Name: words[0], Args: words[1:]})
	}
	return list
}

// PubSub returns what it takes to publish to and subscribe to channels of a pattern, channel being one of them.
func PubSub(pattern, channel string) []Command { return channels(pattern, channel, "", "numsub") }

// Sharded returns what it takes to publish to and subscribe to shard channels of a pattern, channel being one of them.
func Sharded(pattern, channel string) []Command {
	return channels(pattern, channel, "s", "shardnumsub")
}

func channels(pattern, channel, s, count string) []Command {
	on := []string{pattern}
	return []Command{
		{Name: s + "publish", Args: []string{channel, ""}, Channels: on},
		{Name: s + "subscribe", Args: []string{channel}, Channels: on},
		{Name: s + "unsubscribe", Args: []string{channel}, Channels: on},
		{Name: "pubsub|" + count, Args: []string{channel}},
	}
}

// Words returns the command as Redis takes it.
func (c Command) Words() []string {
	return slices.Concat(strings.Split(c.Name, "|"), c.Args)
}

// Rules returns the rules of an ACL that permit the commands and nothing else, each once.
func Rules(commands []Command) []string {
	var keys, channels, names []string
	add := func(list *[]string, sign string, words ...string) {
		for _, word := range words {
			if word = sign + word; !slices.Contains(*list, word) {
				*list = append(*list, word)
			}
		}
	}
	for _, c := range commands {
		add(&keys, "~", c.Keys...)
		add(&channels, "&", c.Channels...)
		add(&names, "+", c.Name)
	}
	return slices.Concat(keys, channels, names)
}

// Literal returns a pattern that stands for text alone.
func Literal(text string) string { return literal.Replace(text) }

var literal = strings.NewReplacer(`\`, `\\`, `*`, `\*`, `?`, `\?`, `[`, `\[`, `]`, `\]`)
