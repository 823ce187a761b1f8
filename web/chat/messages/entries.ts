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

function dayName(at: number): string {
  const day = new Date(at);
  const today = new Date();
  if (day.toDateString() === today.toDateString()) return text.messages.today;
  today.setDate(today.getDate() - 1);
  if (day.toDateString() === today.toDateString()) return text.messages.yesterday;
  return day.toLocaleDateString(undefined, { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}
