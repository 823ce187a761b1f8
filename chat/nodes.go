package chat

import (
	"chorus/chat/cluster"
	"context"
	"encoding/json"
	"time"
)

// Answers has this node answer the questions of a kind, which Ask asks on any node. Register before the node runs.
func Answers[Q, A any](c *Chat, kind string, fn func(Q) A) { cluster.Answers(c.cluster, kind, fn) }

// Ask asks every node of the cluster, this one included, and hands each answer to collect, one after the other. It returns
// the ids of the nodes that did not answer in time.
func Ask[Q, A any](ctx context.Context, c *Chat, kind string, q Q, collect func(node string, a A)) (missing []string, err error) {
	return cluster.Ask(ctx, c.cluster, kind, q, collect)
}

// Answer has fn answer a question of the program that AskAll asks. Register before the node runs.
func (c *Chat) Answer(kind string, fn func(args json.RawMessage) any) { c.cluster.Answer(kind, fn) }

// AskAll asks a question of the program on every node. It returns the ids of the nodes that did not answer in time.
func (c *Chat) AskAll(ctx context.Context, kind string) (missing []string, err error) {
	return c.cluster.AskAll(ctx, kind)
}

// RoomsOf lists the rooms of the cluster whose names begin with prefix, after a name. Without a prefix the rooms of users
// are left out.
func (c *Chat) RoomsOf(ctx context.Context, prefix, after string, limit int) (cluster.RoomPage, error) {
	return c.cluster.RoomsOf(ctx, prefix, after, limit)
}

// RoomOf returns a room with the numbers of users and sockets, which are 0 for one that nobody is in.
func (c *Chat) RoomOf(ctx context.Context, room string) (cluster.Room, error) {
	return c.cluster.RoomOf(ctx, room)
}

// Connections lists the sockets of a user in the cluster. missing are nodes that did not answer in time.
func (c *Chat) Connections(ctx context.Context, user string) (list []cluster.Connection, missing []string, err error) {
	return c.cluster.Connections(ctx, user)
}

// JoinUser makes all sockets of a user in the cluster members of a room, and with a time also those that come within it.
// It returns how many sockets there are now.
func (c *Chat) JoinUser(ctx context.Context, user, room string, within time.Duration) (count int, err error) {
	return c.cluster.JoinUser(ctx, user, room, within)
}

// LeaveUser makes all sockets of a user in the cluster leave a room and tells them why. It returns how many were in it.
func (c *Chat) LeaveUser(ctx context.Context, user, room string, why *Error) (count int, err error) {
	return c.cluster.LeaveUser(ctx, user, room, why)
}

// DisconnectUser disconnects all sockets of a user in the cluster, in every namespace, and returns how many there were in
// the main one.
func (c *Chat) DisconnectUser(ctx context.Context, user string) (count int, err error) {
	return c.cluster.DisconnectUser(ctx, user)
}

// ClusterStats asks all nodes for their figures.
func (c *Chat) ClusterStats(ctx context.Context) (s cluster.Stats, err error) {
	return c.cluster.ClusterStats(ctx)
}

// Permissions returns what the token of one of the connections of a user permits in a room, with the rules that decide.
// It returns nothing for a user who is not connected.
func (c *Chat) Permissions(ctx context.Context, user, room string) (list []cluster.Permission, err error) {
	return c.cluster.Permissions(ctx, user, room)
}

// Trace records what the sockets of a user send and get on all nodes, from the first call on and until it is not called
// for 15 seconds. It returns the frames after those that after names, the last one of each node.
func (c *Chat) Trace(ctx context.Context, user string, after map[string]int64) (frames []cluster.Frame, err error) {
	return c.cluster.Trace(ctx, user, after)
}
