// Package presence keeps in Redis which users are in which room.
package presence
