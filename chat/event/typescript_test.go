package event_test

import (
	"testing"

	"chorus/chat/event"
)

func TestTypeScript(t *testing.T) {
	events, err := event.Compile([]event.Declaration{
		{Name: "chat message", To: event.Everyone},
		{Name: "new message", To: event.Others, Shape: map[string]any{"username": "{name}", "message": "{0}", "text": "{name}: {0}"}, Schema: []byte(`{"prefixItems": [{"type": "string"}], "items": false, "minItems": 1}`)},
		{Name: "add user", Reply: &event.Reply{As: "login", Shape: map[string]any{"numUsers": "{count:lobby}"}}, Join: "lobby"},
		{Name: "move", Namespace: "/game", To: event.Room, Schema: []byte(`{
			"prefixItems": [{"type": "string"}, {"$ref": "#/$defs/point"}, {"enum": ["a", 1, null]}], "items": false, "minItems": 2,
			"$defs": {"point": {"type": "object", "properties": {"x": {"type": "integer"}, "y": {"type": ["number", "null"]}, "next": {"$ref": "#/$defs/point"}}, "required": ["x"], "additionalProperties": false}}
		}`)},
	})
	if err != nil {
		t.Fatal(err)
	}
	const want = `// Written by "chorus types". Do not edit.

export type Answer = { ok: true; [member: string]: unknown } | { ok: false; error: { code: string; message: string } };

/** What clients emit in the namespace /. */
export interface ClientToServer {
  "add user": (arg0?: unknown, arg1?: unknown, arg2?: unknown, ack?: (answer: Answer) => void) => void;
  "chat message": (arg0?: unknown, arg1?: unknown, arg2?: unknown, ack?: (answer: Answer) => void) => void;
  "new message": (arg0: string, ack?: (answer: Answer) => void) => void;
}

/** What clients hear in the namespace /. */
export interface ServerToClient {
  "chat message": (...args: unknown[]) => void;
  login: (value: { numUsers: number }) => void;
  "new message": (value: { message: string; text: string; username: string }) => void;
}

/** What clients emit in the namespace /game. */
export interface ClientToServerGame {
  move: (arg0: string, arg1: { next?: unknown; x: number; y?: number | null }, arg2?: "a" | 1 | null, ack?: (answer: Answer) => void) => void;
}

/** What clients hear in the namespace /game. */
export interface ServerToClientGame {
  move: (arg0: string, arg1: { next?: unknown; x: number; y?: number | null }, arg2?: "a" | 1 | null) => void;
}
`
	if got := event.TypeScript(events); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
