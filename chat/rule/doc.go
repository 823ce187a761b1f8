// Package rule has the rules of the chat product that need no connection: how rooms, users and messages are named, what
// the rooms of a pattern keep, what a token and moderation permit, and how a refusal looks. Explainer says why.
package rule
