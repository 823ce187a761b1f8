// Package forward passes requests on to the node that owns their session, so that load balancers need no
// sticky sessions.
//
// The id of a session begins with the first characters of the id of its node. A node that gets a request for
// a session of another node looks that node up in the registry and hands it the request over a link: an HTTP
// connection to the public address of the other node, on which both nodes have first proven that they know
// the key that the other node has put into Redis. What comes over a link is never passed on again.
//
// Nothing in a request of a client makes it one of a node: a link is what its handshake made it, and no
// header does. So a stranger who knows all of this gains nothing.
package forward
