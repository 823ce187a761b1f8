// The messages of one room, as this client knows them. No network here: what the server says comes in,
// a list in the server's order comes out.

import type { Change, Message, Meta, Reaction, ReactionChange, Refusal } from "./types.js";

/** `pending` waits for its acknowledgement; `failed` was refused and waits for `retry` or `discard`. */
export type Delivery = "sent" | "pending" | "failed";

export interface LocalMessage<V = unknown> extends Message<V> {
  delivery: Delivery;
  /** Why it failed. */
  error?: Refusal;
  /** The text of a streamed message is still growing. */
  streaming?: boolean;
}

type Edited = Pick<Message, "id" | "version" | "editedAt">;

export class Messages<V = unknown> {
  private sent: LocalMessage<V>[] = [];
  private unsent: LocalMessage<V>[] = [];

  constructor(private readonly me: () => string | undefined) {}

  /** All messages: those of the server in its order, then those that wait. A new array after each change. */
  list(): LocalMessage<V>[] {
    return [...this.sent, ...this.unsent];
  }

  /** Forgets what the server said. Messages that wait stay. */
  reset(): void {
    this.sent = [];
  }

  /** Takes messages from a list or a single one, wherever they belong. One that is known is replaced. */
  add(messages: Message<V>[]): void {
    for (const message of messages) this.insert({ ...message, delivery: "sent" });
  }

  /** Takes the present state of messages that changed. Unknown ones are older than what was loaded. */
  change(changes: Change<V>[]): void {
    for (const change of changes) {
      this.update(change.id, (old) => {
        const { value, ...rest } = old;
        const next: LocalMessage<V> = { ...rest, ...change };
        if (!change.deleted && !("value" in change) && value !== undefined) next.value = value;
        return next;
      });
    }
  }

  edited(value: V, { id, version, editedAt }: Edited): void {
    this.update(id, (old) => ({
      ...old,
      value,
      ...(version === undefined ? {} : { version }),
      ...(editedAt === undefined ? {} : { editedAt }),
    }));
  }

  deleted(id: string): void {
    this.update(id, ({ value: _value, reactions: _reactions, ...rest }) => ({ ...rest, deleted: true }));
  }

  reacted(changes: ReactionChange[]): void {
    const me = this.me();
    for (const { id, key, count, added, removed } of changes) {
      this.update(id, (old) => {
        const reactions: Record<string, Reaction> = { ...old.reactions };
        let mine = reactions[key]?.mine ?? false;
        if (me !== undefined && added?.includes(me)) mine = true;
        if (me !== undefined && removed?.includes(me)) mine = false;
        if (count === 0) delete reactions[key];
        else reactions[key] = { count, mine };
        return { ...old, reactions };
      });
    }
  }

  /** The answer to this client's own reaction: the whole state. */
  reactions(id: string, reactions: Record<string, Reaction>): void {
    this.update(id, (old) => ({ ...old, reactions }));
  }

  /** Takes a piece of a streamed text. Reports false when a piece before it is missing. */
  appended(id: string, offset: number, text: string, end: boolean): boolean {
    const old = this.find(id);
    const before = typeof old?.value === "string" ? old.value : "";
    if (old === undefined || offset > before.length) return false;
    this.update(id, (message) => ({
      ...message,
      value: (before.slice(0, offset) + text) as V,
      streaming: !end,
    }));
    return true;
  }

  find(id: string): LocalMessage<V> | undefined {
    return this.sent.find((m) => m.id === id) ?? this.unsent.find((m) => m.id === id);
  }

  // What this client sends.

  /** Adds a message that waits to be sent. */
  compose(message: Pick<Message<V>, "id" | "from" | "value" | "mentions">): void {
    this.unsent = [...this.unsent, { ...message, at: Date.now(), delivery: "pending" }];
  }

  /** The oldest message that waits. */
  nextPending(): LocalMessage<V> | undefined {
    return this.unsent.find((m) => m.delivery === "pending");
  }

  accepted(id: string, meta: Omit<Meta, "from">): void {
    const message = this.unsent.find((m) => m.id === id);
    if (message === undefined) return; // it was heard before its acknowledgement
    this.insert({ ...message, ...meta, delivery: "sent" });
  }

  failed(id: string, error: Refusal): void {
    this.update(id, (old) => ({ ...old, delivery: "failed", error }));
  }

  retry(id: string): void {
    this.update(id, ({ error: _error, ...old }) => ({ ...old, delivery: "pending" }));
  }

  discard(id: string): void {
    this.unsent = this.unsent.filter((m) => m.id !== id);
  }

  private update(id: string, change: (old: LocalMessage<V>) => LocalMessage<V>): void {
    const apply = (m: LocalMessage<V>) => (m.id === id ? change(m) : m);
    if (this.sent.some((m) => m.id === id)) this.sent = this.sent.map(apply);
    else if (this.unsent.some((m) => m.id === id)) this.unsent = this.unsent.map(apply);
  }

  private insert(message: LocalMessage<V>): void {
    this.discard(message.id);
    const { seq } = message;
    const known = this.sent.findIndex((m) => (seq === undefined ? m.id === message.id : m.seq === seq));
    if (known >= 0) {
      this.sent = this.sent.with(known, message);
      return;
    }
    // Most messages are the newest: look for the place from the end.
    let place = this.sent.length;
    if (seq !== undefined) {
      while (place > 0 && (this.sent[place - 1]?.seq ?? -1) > seq) place--;
    }
    this.sent = this.sent.toSpliced(place, 0, message);
  }
}
