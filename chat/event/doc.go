// Package event reads the declarations of a front end's own events: what clients may emit, what is checked, and
// who hears it. Package chat runs them.
//
//	set, err := event.Compile([]event.Declaration{{Name: "chat message", To: event.Everyone}})
package event
