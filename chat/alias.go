package chat

import (
	"chorus/chat/lane"
	"chorus/chat/rule"
	"chorus/chat/store"
)

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

// What programs use of package rule.
type (
	Announcement = rule.Announcement
	Error        = rule.Error
	Explainer    = rule.Explainer
	RoomPolicy   = rule.RoomPolicy
	User         = rule.User
	Verdict      = rule.Verdict
)

// PresenceOptions say who is told about the users of a room.
type PresenceOptions = lane.PresenceOptions

// Codes of refused requests; see package rule.
const (
	CodeBadRequest         = rule.CodeBadRequest
	CodeBanned             = rule.CodeBanned
	CodeClusterUnavailable = rule.CodeClusterUnavailable
	CodeConflict           = rule.CodeConflict
	CodeFrozen             = rule.CodeFrozen
	CodeInternal           = rule.CodeInternal
	CodeLimitReached       = rule.CodeLimitReached
	CodeMuted              = rule.CodeMuted
	CodeNoHistory          = rule.CodeNoHistory
	CodeNotFound           = rule.CodeNotFound
	CodeNotJoined          = rule.CodeNotJoined
	CodeOverloaded         = rule.CodeOverloaded
	CodeRateLimited        = rule.CodeRateLimited
	CodeSlowMode           = rule.CodeSlowMode
	CodeTooLarge           = rule.CodeTooLarge
	CodeTooManyRooms       = rule.CodeTooManyRooms
	CodeUnknownEvent       = rule.CodeUnknownEvent
)

// CheckRoom returns why a program may not name a room so, nil when it may.
func CheckRoom(name string) error { return rule.CheckRoom(name) }

// CheckUser returns why a text cannot be the id of a user, nil when it can.
func CheckUser(id string) error { return rule.CheckUser(id) }

// IsSocketID reports whether a text has the form of the id of a socket.
func IsSocketID(id string) bool { return rule.IsSocketID(id) }

// IsMessageID reports whether a text has the form of the id of a message.
func IsMessageID(id string) bool { return rule.IsMessageID(id) }
