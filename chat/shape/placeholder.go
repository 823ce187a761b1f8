package shape

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// Kind says what a placeholder stands for.
type Kind int

// The placeholders. Those with a room stand for the room concerned when they name none.
const (
	Arg    Kind = iota // {0}, {1.member}: an argument of the event, or a part of it
	Args               // {args}: all arguments, as a list
	Sub                // {sub}: the sender's subject
	Name               // {name}: the sender's name
	Claim              // {claim:team.name}: a claim of the sender's token
	Socket             // {socket}: the id of the sender's socket
	ID                 // {id}: the id of the message
	At                 // {at}: the time of the server, in milliseconds since 1970
	Room               // {room}: the name of the room concerned
	Count              // {count}, {count:lobby}: how many users are in a room
	Users              // {users}, {users:lobby}: who is in a room
	Online             // {online}: how many users are online in the cluster
)

// simple are the placeholders that are one word.
var simple = map[string]Kind{
	"args": Args, "sub": Sub, "name": Name, "socket": Socket, "id": ID, "at": At, "room": Room,
	"count": Count, "users": Users, "online": Online,
}

// Placeholder is what stands between braces.
type Placeholder struct {
	Kind  Kind
	Index int      // of Arg
	Path  []string // of Arg and Claim: names of members, one inside the other
	Room  string   // of Count and Users: empty for the room concerned
}

// ErrPlaceholder is wrapped by the errors of unknown placeholders and unfinished ones.
var ErrPlaceholder = errors.New("placeholder")

// parsePlaceholder reads what stands between braces.
func parsePlaceholder(text string) (Placeholder, error) {
	if kind, ok := simple[text]; ok {
		return Placeholder{Kind: kind}, nil
	}
	if word, rest, ok := strings.Cut(text, ":"); ok && rest != "" {
		switch word {
		case "claim":
			return Placeholder{Kind: Claim, Path: strings.Split(rest, ".")}, nil
		case "count":
			return Placeholder{Kind: Count, Room: rest}, nil
		case "users":
			return Placeholder{Kind: Users, Room: rest}, nil
		}
	}
	number, path, nested := strings.Cut(text, ".")
	index, err := strconv.ParseUint(number, 10, 8)
	if err != nil || nested && path == "" {
		return Placeholder{}, fmt.Errorf("%w: there is no {%s}: write {0}, {0.member}, {args}, {sub}, {name}, {claim:PATH}, "+
			"{socket}, {id}, {at}, {room}, {count}, {count:ROOM}, {users}, {users:ROOM} or {online}; a brace is {{", ErrPlaceholder, text)
	}
	p := Placeholder{Kind: Arg, Index: int(index)}
	if nested {
		p.Path = strings.Split(path, ".")
	}
	return p, nil
}
