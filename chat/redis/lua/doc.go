// Package lua has the scripts that work on the log of a room.
package lua
