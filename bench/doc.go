// Package bench is a load generator for Socket.IO servers. It opens many WebSocket connections,
// publishes at a given rate, and counts and times what every connection receives:
//
//	report, err := bench.Run(ctx, bench.Options{
//		URLs:        []string{"http://localhost:3000"},
//		Connections: 1000,
//		Senders:     10,
//		Rate:        100,
//		Duration:    10 * time.Second,
//	})
//
// It speaks Engine.IO 4 and Socket.IO 5 itself, on bare TCP connections, so that one core can
// receive more than a million messages a second and the server is what is measured. Over HTTP
// long-polling it is as fast as net/http. Latency counts
// from the moment a message was due, not from when it could be sent: a server that stalls its
// senders does not look better for it.
package bench
