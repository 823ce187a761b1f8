// Package own handles the events that a configuration declares; package event compiles them.
package own
