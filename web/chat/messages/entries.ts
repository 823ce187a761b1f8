// What the log shows: messages, grouped by day and author, with a line before the new ones.

import type { LocalMessage } from "chorus-kit";
import type { Said } from "../model/said.js";
import { text } from "../text.js";

export type Entry =
  | { kind: "day"; key: string; label: string }
  | { kind: "divider" }
  | { kind: "message"; message: LocalMessage<Said>; first: boolean };

/** Messages of one author within this time stand under one name, in milliseconds. */
const groupTime = 5 * 60_000;

/** Lists the entries. `read` is the last message that the user had read; null shows no line. */
export function entries(messages: LocalMessage<Said>[], read: number | null, me: string): Entry[] {
  const list: Entry[] = [];
  let before: LocalMessage<Said> | undefined;
  let divided = read === null;
  for (const message of messages) {
    const day = new Date(message.at).toDateString();
    const newDay = before === undefined || new Date(before.at).toDateString() !== day;
    if (newDay) list.push({ kind: "day", key: `day ${day} ${message.id}`, label: dayName(message.at) });
    const fresh = read !== null && message.seq !== undefined && message.seq > read && message.from?.id !== me;
    if (fresh && !divided) {
      divided = true;
      list.push({ kind: "divider" });
    }
    const sameAuthor = before !== undefined && before.from?.id === message.from?.id;
    const first = newDay || !sameAuthor || message.at - (before?.at ?? 0) > groupTime;
    list.push({ kind: "message", message, first });
    before = message;
  }
  return list;
}

export function keyOf(entry: Entry): string {
  if (entry.kind === "message") return entry.message.id;
  return entry.kind === "day" ? entry.key : "divider";
}

/** Messages of a block. */
const blockSize = 50;

/**
 * Divides the entries into blocks. A message stays in its block when older ones come: its number decides. What stands
 * before a message is in the block of the message.
 */
export function blocks(list: Entry[]): { key: string; list: Entry[] }[] {
  const result: { key: string; list: Entry[] }[] = [];
  let before: Entry[] = [];
  let place = 0;
  for (const entry of list) {
    before.push(entry);
    if (entry.kind !== "message") continue;
    place = entry.message.seq ?? place + 1;
    const key = `block ${Math.floor(place / blockSize)}`;
    const last = result.at(-1);
    if (last?.key === key) last.list.push(...before);
    else result.push({ key, list: before });
    before = [];
  }
  return result;
}

function dayName(at: number): string {
  const day = new Date(at);
  const today = new Date();
  if (day.toDateString() === today.toDateString()) return text.messages.today;
  today.setDate(today.getDate() - 1);
  if (day.toDateString() === today.toDateString()) return text.messages.yesterday;
  return day.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}
