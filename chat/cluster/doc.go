// Package cluster has the nodes ask each other about their clients: rooms, users, connections, permissions, traces.
package cluster
