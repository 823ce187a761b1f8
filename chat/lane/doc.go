// Package lane delivers what the feed of the store brings to the sockets of this node. A room or conversation that one of
// them is in has a lane, which passes messages on in order, gathers reactions and fragments of texts, tells the watchers
// who comes and goes, and tells who types. A socket whose page is being read is held: it gets each message either in the
// page or behind it.
package lane
