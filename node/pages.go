package node

import (
	"net/http"

	"chorus/web"
)

// addPages adds the chat page at "/" and the files of the official client below the path of Socket.IO, where
// Node.js servers have them too.
func (n *Node) addPages(mux *http.ServeMux) {
	if n.cfg.ServeClient {
		client, names := web.Client(n.cfg.Path)
		for _, name := range names {
			mux.Handle(n.cfg.Path+name, client)
		}
	}
	if n.cfg.Pages.Enabled {
		page := web.Chat(web.Config{Path: n.cfg.Path, Embedders: n.cfg.Pages.FrameAncestors})
		mux.Handle("/{$}", page)
		mux.Handle("/assets/", page)
		mux.Handle("/chorus.json", page)
	}
}
