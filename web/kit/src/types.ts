// The events of Chorus, as types for the official client:
//
//   const socket: ChorusSocket = io({ auth: { token } });
//
// Types of your own events come from `chorus types`; join them with `&`.

import type { Socket } from "socket.io-client";

/** A user: `id` is the token's `sub`. */
export interface User {
  id: string;
  name?: string;
}

/** What the server adds to every value. `from` is verified; null is the system. */
export interface Meta {
  id: string;
  /** Milliseconds since 1970, by the server's clock. */
  at: number;
  from: User | null;
  /** The position in the room, in rooms with history. */
  seq?: number;
  cursor?: string;
  mentions?: string[];
}

export interface Reaction {
  count: number;
  mine: boolean;
}

/** A message as `join` and `history` list it. */
export interface Message<V = unknown> extends Meta {
  /** Missing when the message was deleted. */
  value?: V;
  version?: number;
  editedAt?: number;
  deleted?: true;
  reactions?: Record<string, Reaction>;
}

/** The state of an older message that changed while this client was away. */
export type Change<V = unknown> = Pick<Message<V>, "id" | "version" | "editedAt" | "value" | "deleted" | "reactions"> & {
  seq: number;
};

/** A user who is in a room. */
export interface Member extends User {
  since: number;
  devices: number;
  data?: unknown;
}

export interface Members {
  users: Member[];
  next?: string;
}

/** Why a request was refused. `code` is stable, `message` is for people. */
export interface Refusal {
  code: string;
  message: string;
  retry_after_ms?: number;
  until?: number;
  reason?: string;
  limit?: number;
  [more: string]: unknown;
}

export type Answer<T = object> = ({ ok: true } & T) | { ok: false; error: Refusal };
export type Ack<T = object> = (answer: Answer<T>) => void;

export interface Joined<V = unknown> {
  room: string;
  /** Null in rooms without history, as is `epoch`. */
  cursor: string | null;
  epoch: string | null;
  count: number;
  messages?: Message<V>[];
  changes?: Change<V>[];
  more?: boolean;
  missed?: boolean;
  members?: Members;
}

export interface Page<V = unknown> {
  messages: Message<V>[];
  first: string | null;
  last: string | null;
  more: boolean;
  missed?: boolean;
  epoch: string;
}

export interface PresencePage extends Members {
  room: string;
  epoch: string;
  seq: number;
  count: number;
}

/** What changed in a room. In very large rooms `count` comes alone. */
export interface PresenceDiff {
  epoch: string;
  seq: number;
  joined?: Member[];
  left?: string[];
  changed?: Member[];
  count: number;
}

export interface ReactionChange {
  id: string;
  key: string;
  count: number;
  added?: string[];
  removed?: string[];
  cursor?: string;
}

export interface Published {
  id: string;
  at: number;
  seq?: number;
  cursor?: string;
}

export interface Unread {
  room: string;
  unread: number;
  mentions: number;
  read: number;
  last: number;
}

/** A page of the rooms that this client may join. */
export interface RoomPage {
  rooms: { room: string; count: number }[];
  next?: string;
}

export interface Moderated {
  action: string;
  room: string | null;
  until?: number;
  reason?: string;
  seconds?: number;
  on?: boolean;
  by: string | null;
}

/** A user who is muted or banned. */
export interface Bar {
  action: "mute" | "ban";
  user: string;
  until?: number;
  reason?: string;
  by: string | null;
  at: number;
}

/** What moderators have decided about a room: `slow` is in seconds between two messages of a user. */
export interface Moderation {
  bars: Bar[];
  slow: number;
  frozen: boolean;
  next?: string;
}

type BarOptions = { for?: number; reason?: string };
type Barring = (room: string | null, user: string, options: BarOptions, ack: Ack<{ until?: number }>) => void;

export interface ClientToServer {
  message: (value: unknown, ack: Ack<Published>) => void;
  join: (
    room: string,
    options: { since?: string; history?: number; presence?: boolean },
    ack: Ack<Joined>,
  ) => void;
  leave: (room: string, ack: Ack) => void;
  publish: (room: string, value: unknown, options: { id?: string; mentions?: string[] }, ack: Ack<Published>) => void;
  history: (room: string, options: { before?: string; after?: string; limit?: number }, ack: Ack<Page>) => void;
  typing: (room: string, on: boolean, ack: Ack) => void;
  presence: (
    room: string,
    options: { cursor?: string; limit?: number; watch?: boolean },
    ack: Ack<PresencePage>,
  ) => void;
  status: (data: unknown, room: string | undefined, ack: Ack) => void;
  direct: (user: string, value: unknown, options: { id?: string }, ack: Ack<Published & { online: number }>) => void;
  edit: (
    room: string,
    id: string,
    value: unknown,
    options: { version?: number },
    ack: Ack<{ id: string; version: number; editedAt: number; cursor: string }>,
  ) => void;
  delete: (room: string, id: string, ack: Ack<{ id: string; cursor: string }>) => void;
  react: (
    room: string,
    id: string,
    key: string,
    on: boolean,
    ack: Ack<{ reactions: Record<string, Reaction> }>,
  ) => void;
  append: (
    room: string,
    id: string,
    text: string,
    options: { done?: boolean; cancel?: boolean },
    ack: Ack<{ id: string; seq: number; length: number }>,
  ) => void;
  rooms: (options: { prefix?: string; cursor?: string; limit?: number }, ack: Ack<RoomPage>) => void;
  read: (room: string, seq: number | null, ack: Ack<{ seq: number; unread: number }>) => void;
  unread: (options: { rooms?: string[] }, ack: Ack<{ rooms: Unread[] }>) => void;
  mute: Barring;
  unmute: Barring;
  kick: Barring;
  ban: Barring;
  unban: Barring;
  slow: (room: string, seconds: number, ack: Ack) => void;
  freeze: (room: string, on: boolean, ack: Ack) => void;
  moderation: (room: string | null, options: { cursor?: string }, ack: Ack<Moderation>) => void;
  report: (room: string, id: string, reason: string, ack: Ack) => void;
  "token:refresh": (credentials: { token: string }, ack: Ack) => void;
}

/** The last word of a connection, before the server closes it. */
export interface End {
  code: string;
  message: string;
}

export interface ServerToClient {
  message: (value: unknown, meta?: Meta) => void;
  publish: (room: string, value: unknown, meta: Meta) => void;
  direct: (user: string, value: unknown, meta: Meta) => void;
  typing: (room: string, state: { users: User[]; count: number }) => void;
  presence: (room: string, diff: PresenceDiff) => void;
  left: (room: string, why: { code: string; message: string }) => void;
  edited: (
    room: string,
    value: unknown,
    meta: { id: string; seq: number; cursor: string; version: number; editedAt: number; by: string | null },
  ) => void;
  deleted: (room: string, meta: { id: string; seq: number; cursor: string; at: number; by: string | null }) => void;
  reacted: (room: string, changes: ReactionChange[]) => void;
  appended: (
    room: string,
    piece: {
      id: string;
      seq: number;
      from: User | null;
      offset: number;
      text: string;
      done?: boolean;
      cancelled?: boolean;
      cursor?: string;
    },
  ) => void;
  read: (room: string, marker: { user: string; seq: number }) => void;
  moderated: (what: Moderated) => void;
  reported: (room: string, report: { id: string; by: string; reason: string; at: number }) => void;
  "token:expiring": (notice: { exp: number; seconds: number }) => void;
  "token:expired": (end: End) => void;
  "token:revoked": (end: End) => void;
  "connection:replaced": (end: End) => void;
  "server:draining": (notice: { retry_after_ms: number }) => void;
  "cluster:degraded": (notice: unknown) => void;
  "cluster:restored": (notice: unknown) => void;
}

export type ChorusSocket = Socket<ServerToClient, ClientToServer>;

/** What the kit needs of a socket: one of the official client, or that of `connectShared`. */
export type ChorusClient = Pick<
  ChorusSocket,
  "on" | "off" | "emit" | "emitWithAck" | "timeout" | "connected" | "id" | "connect" | "disconnect"
>;
