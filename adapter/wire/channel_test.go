package wire

import (
	"path"
	"testing"

	"github.com/zishang520/socket.io/servers/socket/v3"
)

func TestChannelNames(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, prefix, nsp string
		want              Channels
	}{
		{"main namespace", "socket.io", "/", Channels{
			Broadcast:   "socket.io#/#",
			Pattern:     "socket.io#/#*",
			Request:     "socket.io-request#/#",
			Response:    "socket.io-response#/#",
			OwnResponse: "socket.io-response#/#UID#",
		}},
		{"custom namespace and prefix", "p", "/chat", Channels{
			Broadcast:   "p#/chat#",
			Pattern:     "p#/chat#*",
			Request:     "p-request#/chat#",
			Response:    "p-response#/chat#",
			OwnResponse: "p-response#/chat#UID#",
		}},
		{"only the pattern is escaped", `p[1]`, `/a*b?\`, Channels{
			Broadcast:   `p[1]#/a*b?\#`,
			Pattern:     `p\[1\]#/a\*b\?\\#*`,
			Request:     `p[1]-request#/a*b?\#`,
			Response:    `p[1]-response#/a*b?\#`,
			OwnResponse: `p[1]-response#/a*b?\#UID#`,
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := NewChannels(test.prefix, test.nsp, "UID"); got != test.want {
				t.Errorf("got %+v\nwant %+v", got, test.want)
			}
		})
	}
}

func TestPatternMatchesItsOwnNamespaceOnly(t *testing.T) {
	t.Parallel()
	// path.Match has the glob syntax of Redis where no '/' is involved, so the names have none.
	star := NewChannels("p", "a*", "UID")
	for channel, want := range map[string]bool{
		"p#a*#": true, "p#a*#room#": true,
		"p#ab#": false, "p#abc#room#": false, "p#a#": false,
	} {
		got, err := path.Match(star.Pattern, channel)
		if err != nil || got != want {
			t.Errorf("%q matches %q: %v (%v), want %v", star.Pattern, channel, got, err, want)
		}
	}
}

func TestBroadcastChannelAndItsRoom(t *testing.T) {
	t.Parallel()
	c := NewChannels("socket.io", "/chat", "UID")
	for _, test := range []struct {
		name    string
		rooms   []socket.Room
		channel string
		room    socket.Room // what the receiver reads from the channel
	}{
		{"all", nil, "socket.io#/chat#", ""},
		{"two rooms", []socket.Room{"a", "b"}, "socket.io#/chat#", ""},
		{"one room", []socket.Room{"a"}, "socket.io#/chat#a#", "a"},
		{"a number", []socket.Room{"7"}, "socket.io#/chat#7#", "7"},
		{"a room with #", []socket.Room{"a#b"}, "socket.io#/chat#a#b#", "a#b"},
		{"a room that ends with #", []socket.Room{"a#"}, "socket.io#/chat#a##", "a#"},
		{"a room of nothing but #", []socket.Room{"#"}, "socket.io#/chat###", "#"},
		{"unicode", []socket.Room{"räume/日本#🙂"}, "socket.io#/chat#räume/日本#🙂#", "räume/日本#🙂"},
		{"glob characters", []socket.Room{`*?[]\`}, `socket.io#/chat#*?[]\#`, `*?[]\`},
		{"the room without a name", []socket.Room{""}, "socket.io#/chat##", ""}, // the options say which
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			if got := c.BroadcastTo(test.rooms); got != test.channel {
				t.Errorf("the channel is %q, want %q", got, test.channel)
			}
			if got := c.RoomOf(test.channel); got != test.room {
				t.Errorf("the room is %q, want %q", got, test.room)
			}
		})
	}
}

func TestRoomOfForeignChannels(t *testing.T) {
	t.Parallel()
	c := NewChannels("socket.io", "/", "UID")
	for channel, want := range map[string]socket.Room{
		"":                     "",
		"socket.io#/chat#a#":   "", // another namespace
		"other#/#a#":           "", // another prefix
		"socket.io#/#no-end":   "no-end",
		"socket.io-request#/#": "",
	} {
		if got := c.RoomOf(channel); got != want {
			t.Errorf("the room of %q is %q, want %q", channel, got, want)
		}
	}
}
