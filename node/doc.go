// Package node puts one running node of a Chorus cluster together: configuration, HTTP endpoints,
// authentication, the chat events, and a life from listening to draining.
//
//	n, err := node.New(cfg)
//	n.IO().On("connection", ...)  // the application's own events
//	err = n.Run(ctx)              // serves until ctx ends, then drains
package node
