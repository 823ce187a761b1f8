// Package message says and changes messages: publish, direct, edit, delete, react, texts that are written bit by bit,
// history, what a user has read, and what programs send. A message of a room with history goes to the store, whose feed
// every node delivers; any other goes to the transport.
package message
