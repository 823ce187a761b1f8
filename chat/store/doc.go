// Package store says what the chat product keeps: the types of its state, and the interface behind which packages
// chat/memory and chat/redis keep it.
package store
