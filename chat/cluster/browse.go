package cluster

import (
	"context"
	"fmt"
	"strings"

	"chorus/auth/permission"
	"chorus/chat/client"
	"chorus/chat/rule"
)

// browseOptions are the argument of rule.EventRooms.
type browseOptions struct {
	Prefix string `json:"prefix"`
	Cursor string `json:"cursor"` // the name of the last room of the page before
	Limit  *int   `json:"limit"`
}

// maxBrowsed is how many rooms a page of "rooms" has at most, and defaultBrowsed without a limit. maxLooked bounds the
// pages of the cluster that are looked through for one: most rooms may not be for this client. maxBrowsing bounds the
// requests that a node handles at a time, since each asks all nodes.
const (
	maxBrowsed     = 200
	defaultBrowsed = 50
	maxLooked      = 10
	maxBrowsing    = 8
)

// browse lists the rooms with somebody in them that are listed and that the client may join.
func (c *Nodes) browse(ca *client.Call) error {
	opts, err := client.Option[browseOptions](ca, rule.EventRooms, 0)
	if err != nil {
		return err
	}
	limit := defaultBrowsed
	if opts.Limit != nil {
		limit = *opts.Limit
	}
	if limit < 1 || limit > maxBrowsed {
		return rule.BadRequest(fmt.Sprintf("rooms: the limit is not between 1 and %d", maxBrowsed))
	}
	select {
	case c.browsing <- struct{}{}:
		defer func() { <-c.browsing }()
	default:
		return &rule.Error{Code: rule.CodeOverloaded, Message: "too many clients list rooms at the moment: try again"}
	}
	ctx, cancel := c.Context()
	defer cancel()
	page, err := c.openRooms(ca, ctx, opts, limit)
	if err != nil {
		return err
	}
	rooms := make([]any, 0, len(page.Rooms))
	for _, r := range page.Rooms {
		rooms = append(rooms, map[string]any{"room": r.Name, "count": r.Users})
	}
	answer := map[string]any{"rooms": rooms}
	if page.Next != "" {
		answer["next"] = page.Next
	}
	ca.OK(answer)
	return nil
}

// openRooms returns a page of the rooms that the client may see. Its cursor is a room of the page: no other name leaves
// the server.
func (c *Nodes) openRooms(ca *client.Call, ctx context.Context, opts browseOptions, limit int) (page RoomPage, err error) {
	after := opts.Cursor
	for range maxLooked {
		part, err := c.roomNames(ctx, opts.Prefix, after, maxRoomPage)
		if err != nil {
			return page, err
		}
		for _, r := range part.Rooms {
			if strings.HasPrefix(r.Name, rule.UserRooms) || !c.Policies.Of(r.Name).Listed || !ca.Permits(permission.Join, r.Name) {
				continue
			}
			if len(page.Rooms) == limit {
				page.Next = page.Rooms[limit-1].Name
				return page, c.countUsers(ctx, page.Rooms)
			}
			page.Rooms = append(page.Rooms, r)
		}
		if after = part.Next; after == "" {
			break
		}
	}
	return page, c.countUsers(ctx, page.Rooms)
}
