// One room, as state that heals itself: after any reconnect it is what it would be for a client that
// never left.

import { Backoff } from "./backoff.js";
import { newId } from "./id.js";
import { listen } from "./listen.js";
import { type LocalMessage, Messages } from "./messages.js";
import { Outbox } from "./outbox.js";
import { Presence } from "./presence.js";
import { type RequestError, request } from "./request.js";
import { type State, Writable } from "./state.js";
import { Typing } from "./typing.js";
import type { ChorusClient, Joined, Member, Message, Meta, Refusal, User } from "./types.js";

export interface RoomOptions {
  /** The user of this client: the token's `sub` and name. It marks own reactions and unread counts. */
  me?: User;
  /** How many of the newest messages to load at first: 0 to 200, default 50. */
  history?: number;
  /** Follow who is in the room. Default true. */
  presence?: boolean;
  /** The users that a message names, if its value says so. It keeps the count of mentions current. */
  mentions?: (value: unknown) => readonly string[] | undefined;
}

export interface RoomStatus {
  /** `joining` also while the connection is away; `refused` and `left` carry the reason. */
  phase: "joining" | "joined" | "refused" | "left";
  reason?: Refusal;
  /** Set when messages were missed that the server no longer keeps. `messages` begins anew behind the gap. */
  gap: boolean;
  /** Older messages exist. */
  older: boolean;
}

export interface RoomUnread {
  unread: number;
  mentions: number;
  /** The last message that the user read. */
  read: number;
  /** The server has said so. Before, the numbers are 0. */
  known: boolean;
}

/** A room. Make it with `room(socket, name)`, end it with `leave()`. */
export class Room<V = unknown> {
  readonly messages: State<LocalMessage<V>[]>;
  readonly members: State<Member[]>;
  /** Users in the room; in very large rooms `members` stays shorter than this. */
  readonly count: State<number>;
  readonly typing: State<{ users: User[]; count: number }>;
  readonly status: State<RoomStatus>;
  readonly unread: State<RoomUnread>;

  private readonly log: Messages<V>;
  private readonly shown = new Writable<LocalMessage<V>[]>([]);
  private readonly state = new Writable<RoomStatus>({ phase: "joining", gap: false, older: false });
  private readonly marks = new Writable<RoomUnread>({ unread: 0, mentions: 0, read: 0, known: false });
  private readonly presence: Presence;
  private readonly typers: Typing;
  private readonly outbox: Outbox<V>;
  private readonly retries = new Backoff();
  private readonly stop: () => void;

  private cursor: string | null = null;
  private epoch: string | null = null;
  private first: string | null = null;
  private retry: ReturnType<typeof setTimeout> | undefined;
  private ended = false;
  private attempt = 0; // joins that were begun; an answer to an older one is ignored

  constructor(
    private readonly socket: ChorusClient,
    readonly name: string,
    private readonly options: RoomOptions = {},
  ) {
    this.log = new Messages<V>(() => options.me?.id);
    this.presence = new Presence(socket, name);
    this.typers = new Typing(socket, name, options.me?.id);
    this.outbox = new Outbox<V>(socket, name, this.log, () => this.show());
    this.messages = this.shown;
    this.status = this.state;
    this.unread = this.marks;
    this.members = this.presence.members;
    this.count = this.presence.count;
    this.typing = this.typers.state;
    this.stop = this.listen();
    if (socket.connected) this.join();
  }

  /**
   * Sends a message. It is in `messages` at once, as `pending`, and is sent in order as soon as there is a
   * connection. Sending again after a lost acknowledgement delivers once, since the id stays the same.
   */
  send(value: V, mentions?: string[]): string {
    const id = newId();
    this.log.compose({
      id,
      from: this.options.me ?? null,
      value,
      ...(mentions?.length ? { mentions } : {}),
    });
    this.typers.stop();
    this.show();
    this.outbox.flush();
    return id;
  }

  /** Sends a message again that failed. */
  resend(id: string): void {
    this.log.retry(id);
    this.show();
    this.outbox.flush();
  }

  /** Forgets a message that failed. */
  discard(id: string): void {
    this.log.discard(id);
    this.show();
  }

  /** Tells the others that the user is writing. Call it at each key; it sends only what is needed. */
  compose(on: boolean): void {
    if (on) this.typers.start();
    else this.typers.stop();
  }

  async edit(id: string, value: V): Promise<void> {
    const { version, editedAt } = await request(this.socket, "edit", this.name, id, value, {});
    this.log.edited(value, { id, version, editedAt });
    this.show();
  }

  async remove(id: string): Promise<void> {
    await request(this.socket, "delete", this.name, id);
    this.log.deleted(id);
    this.show();
  }

  async react(id: string, key: string, on: boolean): Promise<void> {
    const { reactions } = await request(this.socket, "react", this.name, id, key, on);
    this.log.reactions(id, reactions);
    this.show();
  }

  /** Loads up to `limit` older messages. Reports whether there are more. */
  async older(limit = 50): Promise<boolean> {
    if (this.first === null) return false;
    const page = await request(this.socket, "history", this.name, { before: this.first, limit });
    if (page.epoch !== this.epoch) return true; // the room began again meanwhile; the next join loads it
    this.first = page.first ?? this.first;
    this.log.add(page.messages as Message<V>[]);
    this.state.set({ ...this.state.get(), older: page.more });
    this.show();
    return page.more;
  }

  /** Marks everything up to a message as read, by default up to the newest. */
  async markRead(seq = this.lastSeq()): Promise<void> {
    if (seq === 0 || seq <= this.marks.get().read) return;
    const { seq: read, unread } = await request(this.socket, "read", this.name, seq);
    this.marks.set({ unread, mentions: unread === 0 ? 0 : this.marks.get().mentions, read, known: true });
  }

  /** Leaves the room and ends this object. */
  leave(): void {
    this.close();
    if (this.socket.connected) request(this.socket, "leave", this.name).catch(() => undefined);
  }

  /** Ends this object; the membership stays. */
  close(): void {
    this.ended = true;
    clearTimeout(this.retry);
    this.stop();
    this.outbox.close();
    this.presence.close();
    this.typers.close();
  }

  private listen(): () => void {
    const here = (room: string) => room === this.name;
    const moved = (cursor: string | undefined) => {
      if (cursor !== undefined && this.cursor !== null) this.cursor = cursor;
    };
    return listen(this.socket, {
      connect: () => this.join(),
      disconnect: () => {
        this.outbox.pause();
        this.attempt++;
        if (this.state.get().phase === "joined") this.state.set({ ...this.state.get(), phase: "joining" });
      },
      publish: (room, value, meta) => {
        if (here(room)) this.heard(value as V, meta);
      },
      direct: (user, value, meta) => {
        if (here(`@${user}`)) this.heard(value as V, meta);
      },
      edited: (room, value, meta) => {
        if (!here(room)) return;
        moved(meta.cursor);
        this.log.edited(value as V, meta);
        this.show();
      },
      deleted: (room, meta) => {
        if (!here(room)) return;
        moved(meta.cursor);
        this.log.deleted(meta.id);
        this.show();
      },
      reacted: (room, changes) => {
        if (!here(room)) return;
        for (const change of changes) moved(change.cursor);
        this.log.reacted(changes);
        this.show();
      },
      appended: (room, piece) => {
        if (!here(room)) return;
        if (piece.offset === 0 && this.log.find(piece.id) === undefined) {
          this.log.add([{ id: piece.id, seq: piece.seq, at: Date.now(), from: piece.from, value: "" as V }]);
        }
        const whole = this.log.appended(piece.id, piece.offset, piece.text, Boolean(piece.done ?? piece.cancelled));
        if (!whole) this.join(); // a piece is missing: the history has the whole text
        this.show();
      },
      read: (room, { user }) => {
        if (here(room) && user === this.options.me?.id) void this.countUnread();
      },
      left: (room, reason) => {
        if (!here(room)) return;
        this.outbox.pause();
        this.state.set({ ...this.state.get(), phase: "left", reason });
      },
    });
  }

  private heard(value: V, meta: Meta): void {
    if (meta.cursor !== undefined && this.cursor !== null) this.cursor = meta.cursor;
    this.log.add([{ ...meta, value }]);
    if (meta.from?.id !== this.options.me?.id) this.countOne(value, meta);
    else if (meta.seq !== undefined) this.marks.set({ unread: 0, mentions: 0, read: meta.seq, known: true });
    this.show();
  }

  // Enters the room, at first and after every connect, and brings what was missed.
  private join(): void {
    if (this.ended || !this.socket.connected) return;
    clearTimeout(this.retry);
    const attempt = ++this.attempt;
    const { history = 50, presence = true } = this.options;
    const options = { history, presence, ...(this.cursor === null ? {} : { since: this.cursor }) };
    request(this.socket, "join", this.name, options).then(
      async (joined) => {
        if (attempt !== this.attempt || this.ended) return;
        await this.take(joined as Joined<V>, attempt);
      },
      (error: RequestError) => {
        if (attempt !== this.attempt || this.ended) return;
        if (error.temporary) {
          this.retry = setTimeout(() => this.join(), error.refusal.retry_after_ms ?? this.retries.next());
          return;
        }
        this.state.set({ ...this.state.get(), phase: "refused", reason: error.refusal });
      },
    );
  }

  private async take(joined: Joined<V>, attempt: number): Promise<void> {
    this.retries.reset();
    const before = this.cursor;
    const lost = before !== null && (joined.missed === true || joined.epoch !== this.epoch);
    if (lost) this.log.reset();
    const messages = joined.messages ?? [];
    this.log.add(messages);
    this.log.change(joined.changes ?? []);
    let older = this.state.get().older;
    if (before === null || lost) {
      this.first = messages[0]?.cursor ?? null;
      older = messages.length > 0 && messages.length >= (this.options.history ?? 50);
    }
    this.epoch = joined.epoch;
    if (joined.more && before !== null && !lost) await this.catchUp(messages.at(-1)?.cursor, attempt);
    if (attempt !== this.attempt) return;
    this.cursor = joined.cursor;
    this.presence.start(joined.count, joined.members);
    this.state.set({ phase: "joined", gap: lost, older });
    this.show();
    this.outbox.resume();
    void this.countUnread();
  }

  // The rest of what was missed, when one answer did not hold all.
  private async catchUp(after: string | undefined, attempt: number): Promise<void> {
    while (after !== undefined && attempt === this.attempt) {
      const page = await request(this.socket, "history", this.name, { after, limit: 200 });
      this.log.add(page.messages as Message<V>[]);
      if (!page.more || page.last === null) return;
      after = page.last;
    }
  }

  private async countUnread(): Promise<void> {
    if (this.cursor === null) return;
    try {
      const { rooms } = await request(this.socket, "unread", { rooms: [this.name] });
      const mine = rooms.find(({ room }) => room === this.name);
      if (mine !== undefined) this.marks.set({ unread: mine.unread, mentions: mine.mentions, read: mine.read, known: true });
    } catch {
      // The next message or join asks again.
    }
  }

  private countOne(value: V, meta: Meta): void {
    if (meta.seq === undefined) return;
    const { unread, mentions, read, known } = this.marks.get();
    const me = this.options.me?.id;
    const named = me !== undefined && this.options.mentions?.(value)?.includes(me);
    this.marks.set({ unread: unread + 1, mentions: mentions + (named ? 1 : 0), read, known });
  }

  private lastSeq(): number {
    return this.shown.get().findLast((m) => m.delivery === "sent")?.seq ?? 0;
  }

  private show(): void {
    this.shown.set(this.log.list());
  }
}

/** Enters a room as soon as the socket is connected, and stays in it over every reconnect. */
export function room<V = unknown>(socket: ChorusClient, name: string, options: RoomOptions = {}): Room<V> {
  return new Room<V>(socket, name, options);
}
