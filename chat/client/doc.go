// Package client has the clients of a node: what a socket may ask for, the rooms that it is in and how it joins and leaves
// them, what its token, moderation and the program's hooks permit. The features of the chat product add their requests.
package client
