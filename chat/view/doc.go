// Package view says how clients see what the store keeps: messages in lists, events about messages, users of a room.
package view
