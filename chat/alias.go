package chat

import "chorus/chat/store"

// What programs use of package store.
type (
	Bounds         = store.Bounds
	Limits         = store.Limits
	Store          = store.Store
	Message        = store.Message
	Page           = store.Page
	PageQuery      = store.PageQuery
	Changed        = store.Changed
	Purge          = store.Purge
	Present        = store.Present
	PresencePage   = store.PresencePage
	ModerationPage = store.ModerationPage
	Standing       = store.Standing
	Notices        = store.Notices
)
