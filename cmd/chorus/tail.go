package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"
)

type tailCommand struct {
	apiFlags
	Type string `placeholder:"PREFIX" help:"Only events whose type begins so, as message. or room.joined."`
	Room string `placeholder:"ROOM" help:"Only events of this room."`
}

// tailPause is the time between two attempts to read on.
const tailPause = 2 * time.Second

// maxTailLine bounds a line of the feed.
const maxTailLine = 1 << 20

// tailEvent is what people see of an event.
type tailEvent struct {
	Type  string
	At    int64
	Room  string
	To    string
	Event string
	User  *struct{ ID string }
	Value json.RawMessage
}

// errRefused means that to try again does not help.
var errRefused = errors.New("refused")

// Run prints what happens in the cluster until it is told to end. It goes on by itself when the connection breaks.
func (c *tailCommand) Run(ctx context.Context) error {
	last := ""
	for first := true; ; first = false {
		err := c.read(ctx, &last)
		switch {
		case ctx.Err() != nil:
			return nil
		case err != nil && (first || errors.Is(err, errRefused)):
			return err
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(tailPause):
		}
	}
}

// read prints events until the connection ends. last is the id of the last one.
func (c *tailCommand) read(ctx context.Context, last *string) error {
	r, err := c.request(ctx, http.MethodGet, "/events", nil)
	if err != nil {
		return err
	}
	if *last != "" {
		r.Header.Set("Last-Event-ID", *last)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		return err
	}
	defer response.Body.Close() //nolint:errcheck // nothing is lost
	if response.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(response.Body, maxAPIAnswer)) // what came is told
		err := apiError(response, text)
		if response.StatusCode < http.StatusInternalServerError && response.StatusCode != http.StatusTooManyRequests {
			return fmt.Errorf("%w: %w", errRefused, err)
		}
		return err
	}
	lines := bufio.NewScanner(response.Body)
	lines.Buffer(nil, maxTailLine)
	for lines.Scan() {
		switch name, value, _ := strings.Cut(lines.Text(), ": "); name {
		case "id":
			*last = value
		case "data":
			c.print(value)
		}
	}
	return lines.Err()
}

// print prints an event.
func (c *tailCommand) print(text string) {
	var e tailEvent
	if json.Unmarshal([]byte(text), &e) != nil || !strings.HasPrefix(e.Type, c.Type) || c.Room != "" && e.Room != c.Room {
		return
	}
	if c.JSON {
		fmt.Println(text)
		return
	}
	line := e.Type
	if e.At > 0 {
		line = moment(e.At) + "  " + line
	}
	if e.Room != "" {
		line += fmt.Sprintf("  room %q", e.Room)
	}
	if e.User != nil {
		line += fmt.Sprintf("  user %q", e.User.ID)
	}
	if e.To != "" {
		line += fmt.Sprintf("  to %q", e.To)
	}
	if e.Event != "" {
		line += fmt.Sprintf("  event %q", e.Event)
	}
	if len(e.Value) > 0 {
		line += "  " + string(e.Value)
	}
	fmt.Println(line)
}
