package chat

import (
	"chorus/chat/client"
	"chorus/chat/cluster"
	"chorus/chat/lane"
	"chorus/chat/message"
	"chorus/chat/moderation"
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

// What programs use of package client.
type (
	Action     = client.Action
	ActionKind = client.ActionKind
	Cluster    = client.Cluster
	Emission   = client.Emission
	Options    = client.Options
	Recipients = client.Recipients
	Refused    = client.Refused
	Stats      = client.Stats
)

// The kinds of actions; see package client.
const (
	ActionConnect  = client.ActionConnect
	ActionRefresh  = client.ActionRefresh
	ActionJoin     = client.ActionJoin
	ActionLeave    = client.ActionLeave
	ActionPublish  = client.ActionPublish
	ActionDirect   = client.ActionDirect
	ActionMessage  = client.ActionMessage
	ActionEvent    = client.ActionEvent
	ActionEdit     = client.ActionEdit
	ActionDelete   = client.ActionDelete
	ActionReact    = client.ActionReact
	ActionAppend   = client.ActionAppend
	ActionModerate = client.ActionModerate
	ActionReport   = client.ActionReport
)

// Defaults of Options; see package client.
const (
	DefaultMaxRooms  = client.DefaultMaxRooms
	DefaultNameClaim = client.DefaultNameClaim
)

// What programs use of packages message, moderation and cluster.
type (
	Dispatch     = message.Dispatch
	Marker       = message.Marker
	Post         = message.Post
	Posted       = message.Posted
	Sent         = message.Sent
	SentResult   = message.SentResult
	Target       = message.Target
	Measure      = moderation.Measure
	ClusterStats = cluster.Stats
	Connection   = cluster.Connection
	Frame        = cluster.Frame
	Permission   = cluster.Permission
	Room         = cluster.Room
	RoomPage     = cluster.RoomPage
)

// Bounds of a Target; see package message.
const (
	MaxTargetRooms = message.MaxTargetRooms
	MaxTargetUsers = message.MaxTargetUsers
)

// What moderation does; see package moderation.
const (
	Mute   = moderation.Mute
	Unmute = moderation.Unmute
	Kick   = moderation.Kick
	Ban    = moderation.Ban
	Unban  = moderation.Unban
	Slow   = moderation.Slow
	Freeze = moderation.Freeze
)

// PresenceOptions bound what clients receive about the users of a room.
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
