// Package outbox moves notices for back ends from the lists of rooms to the streams of the targets, in a Redis Cluster.
package outbox
