// Package adminui speaks to the official admin UI of Socket.IO (@socket.io/admin-ui 0.5.1) in a namespace of its own. The
// UI shows servers, sockets, rooms and events, and can send events, move sockets between rooms and disconnect them.
//
// Every node of a cluster has the namespace. What a node tells reaches the UIs of all nodes by way of the adapter, as on
// servers of Node.js. A node tells of single sockets and events only while a UI is watching.
package adminui
