// What the token permits, as far as the page must know: it hides what the server would refuse.

import { claimsOf, session } from "./session.js";

/** Reports whether the user may moderate a room, by the token's `chorus.rooms.moderate` patterns. */
export function mayModerate(room: string): boolean {
  const token = session.value?.token;
  const rights = token === undefined ? undefined : claimsOf(token)?.chorus;
  const patterns = (rights as { rooms?: { moderate?: unknown } } | undefined)?.rooms?.moderate;
  return Array.isArray(patterns) && patterns.some((pattern) => typeof pattern === "string" && matches(pattern, room));
}

function matches(pattern: string, name: string): boolean {
  const source = pattern
    .replace("{sub}", session.value?.user.id ?? "")
    .replace(/[.+^${}()|[\]\\]/g, "\\$&")
    .replace(/\*/g, ".*")
    .replace(/\?/g, ".");
  return new RegExp(`^${source}$`, "su").test(name);
}
