// Package moderation keeps users from speaking or from being in a room, and tells moderators of reports.
package moderation
