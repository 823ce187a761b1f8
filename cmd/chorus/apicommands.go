package main

import (
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"chorus/api"
)

type publishCommand struct {
	apiFlags
	Value    []string `arg:"" optional:"" name:"value" help:"What to say, as JSON; else it is taken as text. With --event, its arguments."`
	Everyone bool     `help:"To everyone."`
	Room     []string `sep:"none" placeholder:"ROOM" help:"To this room. Can be repeated."`
	User     []string `sep:"none" placeholder:"USER" help:"To this user. Can be repeated."`
	Socket   []string `sep:"none" placeholder:"ID" help:"To this socket. Can be repeated."`
	Event    string   `placeholder:"NAME" help:"An event of your own, with the values as its arguments."`
	From     string   `placeholder:"USER" help:"Who says it, as receivers see it; default the system."`
	ID       string   `name:"id" placeholder:"ID" help:"Makes it idempotent: the same id is delivered once."`
}

// Run says something by the HTTP API.
func (c *publishCommand) Run(ctx context.Context) error {
	if !c.Everyone && len(c.Room)+len(c.User)+len(c.Socket) == 0 {
		return usagef("say to whom: --everyone, --room, --user or --socket")
	}
	if c.Event == "" && len(c.Value) != 1 {
		return usagef("give exactly one value, or an --event with its arguments")
	}
	values := make([]json.RawMessage, len(c.Value))
	for i, text := range c.Value {
		values[i] = json.RawMessage(text)
		if !json.Valid(values[i]) {
			values[i], _ = json.Marshal(text) // a text can always be encoded
		}
	}
	body := map[string]any{"to": api.Target{Everyone: c.Everyone, Rooms: c.Room, Users: c.User, Sockets: c.Socket}}
	if c.Event != "" {
		body["event"], body["args"] = c.Event, values
	} else {
		body["value"] = values[0]
	}
	for name, text := range map[string]string{"from": c.From, "id": c.ID} {
		if text != "" {
			body[name] = text
		}
	}
	answer, err := c.call(ctx, "POST", "/publish", body)
	if err != nil {
		return err
	}
	return show(&c.apiFlags, os.Stdout, answer, func(a api.PublishAnswer) { fmt.Println(a.ID) })
}

type roomsCommand struct {
	apiFlags
	Prefix string `arg:"" optional:"" help:"What the names begin with. Rooms of users are listed with user: alone."`
	Limit  int    `default:"100" help:"How many at most."`
	Cursor string `help:"Where to go on: next of the page before."`
}

// Run lists rooms.
func (c *roomsCommand) Run(ctx context.Context) error {
	answer, err := c.call(ctx, "GET", query("/rooms", "prefix", c.Prefix, "limit", strconv.Itoa(c.Limit), "cursor", c.Cursor), nil)
	if err != nil {
		return err
	}
	return show(&c.apiFlags, os.Stdout, answer, func(list api.RoomList) {
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ROOM\tUSERS\tSOCKETS")
		for _, r := range list.Rooms {
			_, _ = fmt.Fprintf(table, "%q\t%d\t%d\n", r.Room, r.Count, r.Sockets)
		}
		_ = table.Flush()
		tellNext(list.Next)
	})
}

// tellNext says how to read on.
func tellNext(next string) {
	if next != "" {
		fmt.Fprintln(os.Stderr, "There are more: --cursor "+next)
	}
}

type whoCommand struct {
	apiFlags
	Room   string `arg:"" help:"The room."`
	Limit  int    `default:"100" help:"How many at most."`
	Cursor string `help:"Where to go on: next of the page before."`
}

// Run lists the users in a room.
func (c *whoCommand) Run(ctx context.Context) error {
	answer, err := c.call(ctx, "GET", query("/rooms/"+url.PathEscape(c.Room)+"/presence", "limit", strconv.Itoa(c.Limit), "cursor", c.Cursor), nil)
	if err != nil {
		return err
	}
	return show(&c.apiFlags, os.Stdout, answer, func(list api.MemberList) {
		table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "USER\tNAME\tSOCKETS\tSINCE")
		for _, u := range list.Users {
			_, _ = fmt.Fprintf(table, "%q\t%q\t%d\t%s\n", u.ID, u.Name, u.Devices, moment(u.Since))
		}
		_ = table.Flush()
		tellNext(list.Next)
	})
}

type historyCommand struct {
	apiFlags
	Room   string `arg:"" help:"The room."`
	Limit  int    `default:"50" help:"How many at most."`
	Before string `help:"Older messages than this cursor."`
	After  string `help:"Newer messages than this cursor."`
}

// Run reads the history of a room.
func (c *historyCommand) Run(ctx context.Context) error {
	answer, err := c.call(ctx, "GET", query("/rooms/"+url.PathEscape(c.Room)+"/messages", "limit", strconv.Itoa(c.Limit), "before", c.Before, "after", c.After), nil)
	if err != nil {
		return err
	}
	return show(&c.apiFlags, os.Stdout, answer, func(list api.MessageList) {
		for _, m := range list.Messages {
			from, value := "system", string(m.Value)
			if m.From != nil {
				from = strconv.Quote(m.From.ID) // a user may be called system
			}
			if m.Deleted {
				value = "(deleted)"
			}
			fmt.Printf("%s  %d  %s  %s\n", moment(m.At), m.Seq, from, value)
		}
	})
}

// measureFlags are those of kick and ban.
type measureFlags struct {
	apiFlags
	User   string `arg:"" help:"The user."`
	Room   string `placeholder:"ROOM" help:"The room; without it, everywhere."`
	Reason string `help:"Why, as the user sees it."`
}

func (f *measureFlags) take(ctx context.Context, action string, more map[string]any) error {
	body := map[string]any{"action": action, "user": f.User}
	if f.Room != "" {
		body["room"] = f.Room
	}
	if f.Reason != "" {
		body["reason"] = f.Reason
	}
	for name, value := range more {
		body[name] = value
	}
	answer, err := f.call(ctx, "POST", "/moderation", body)
	if err != nil {
		return err
	}
	return show(&f.apiFlags, os.Stdout, answer, func(m api.MeasureTaken) {
		text := "Done."
		if m.Until > 0 {
			text = "Done, until " + moment(m.Until) + "."
		}
		fmt.Println(text)
	})
}

type kickCommand struct{ measureFlags }

// Run puts a user out, who may come back.
func (c *kickCommand) Run(ctx context.Context) error { return c.take(ctx, "kick", nil) }

type banCommand struct {
	measureFlags
	For  time.Duration `placeholder:"DURATION" help:"How long; without it, the ban does not end."`
	Undo bool          `help:"Let the user in again."`
}

// Run keeps a user out, or lets it in again.
func (c *banCommand) Run(ctx context.Context) error {
	switch {
	case c.Undo && c.For != 0:
		return usagef("--for and --undo do not go together")
	case c.For < 0:
		return usagef("--for %s: it would have ended already", c.For)
	case c.Undo:
		return c.take(ctx, "unban", nil)
	case c.For > 0:
		return c.take(ctx, "ban", map[string]any{"for": c.For.Seconds()})
	}
	return c.take(ctx, "ban", nil)
}
