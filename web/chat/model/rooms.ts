// The rooms that this page is in, and which one is shown.

import { batch, computed, effect, type ReadonlySignal, signal } from "@preact/signals";
import {
  type ChorusSocket,
  type LocalMessage,
  type Member,
  Room,
  type RoomStatus,
  type RoomUnread,
  request,
  type User,
} from "chorus-kit";
import { listen } from "chorus-kit/listen";
import { follow } from "../../shared/signal.js";
import { text } from "../text.js";
import { notify } from "./connection.js";
import { type Said, said } from "./said.js";

/** A room with its states as signals. */
export interface OpenRoom {
  name: string;
  room: Room<Said>;
  messages: ReadonlySignal<LocalMessage<Said>[]>;
  members: ReadonlySignal<Member[]>;
  count: ReadonlySignal<number>;
  typing: ReadonlySignal<{ users: User[]; count: number }>;
  status: ReadonlySignal<RoomStatus>;
  unread: ReadonlySignal<RoomUnread>;
}

export const firstRoom = "lobby";
const storageKey = "chorus.rooms";

/** What moderators do to a user. It stays on the screen until the user has seen it. */
const personal = new Set(["mute", "unmute", "kick", "ban", "unban"]);

export class Rooms {
  readonly open = signal<OpenRoom[]>([]);
  readonly currentName = signal(firstRoom);
  readonly current = computed(() => this.open.value.find((room) => room.name === this.currentName.value));
  private readonly silence: () => void;

  constructor(
    readonly socket: ChorusSocket,
    readonly me: User,
  ) {
    for (const name of new Set([firstRoom, ...this.stored()])) this.add(name);
    const away = signal(false);
    const silence = listen(socket, {
      connect: () => void this.addRead(),
      disconnect: () => {
        away.value = true;
      },
      direct: (user) => this.add(`@${user}`),
      reported: (room, { by, reason }) => notify(text.moderation.reported(room, by, reason), true),
      moderated: ({ action, room, reason, until, seconds, on }) => {
        const what = text.moderated[seconds === 0 || on === false ? `${action} off` : action];
        if (what === undefined) return;
        const end = until === undefined ? "" : ` until ${new Date(until).toLocaleString()}`;
        notify(`${room === null ? "" : `${room}: `}${what}${end}.${reason ? ` ${reason}` : ""}`, personal.has(action));
      },
    });
    // Back in every room: say whether something was missed. A room with a gap says so itself.
    const stop = effect(() => {
      const states = this.open.value.map(({ status }) => status.value);
      if (!away.value || states.some(({ phase }) => phase === "joining")) return;
      away.value = false;
      if (!states.some(({ gap }) => gap)) notify(text.connection.recovered);
    });
    this.silence = () => {
      stop();
      silence();
    };
  }

  /** Shows a room, and enters it first if need be. */
  show(name: string): void {
    batch(() => {
      this.add(name);
      this.currentName.value = name;
    });
  }

  /** Leaves a room. */
  leave(name: string): void {
    const left = this.open.value.find((room) => room.name === name);
    left?.room.leave();
    batch(() => {
      this.open.value = this.open.value.filter((room) => room !== left);
      if (this.currentName.value === name) this.currentName.value = this.open.value[0]?.name ?? firstRoom;
    });
    this.store();
  }

  /** Enters a room again that refused this client or sent it away. */
  again(name: string): void {
    const old = this.open.value.find((room) => room.name === name);
    old?.room.close();
    this.open.value = this.open.value.map((room) => (room === old ? this.make(name) : room));
  }

  close(): void {
    this.silence();
    for (const { room } of this.open.value) room.close();
    sessionStorage.removeItem(storageKey);
  }

  private add(name: string): void {
    if (this.open.value.some((room) => room.name === name)) return;
    this.open.value = [...this.open.value, this.make(name)];
    this.store();
  }

  private make(name: string): OpenRoom {
    const mentions = (value: unknown) => said(value).mentions;
    const room = new Room<Said>(this.socket, name, { me: this.me, mentions, presence: !name.startsWith("@") });
    return {
      name,
      room,
      messages: follow(room.messages),
      members: follow(room.members),
      count: follow(room.count),
      typing: follow(room.typing),
      status: follow(room.status),
      unread: follow(room.unread),
    };
  }

  // Rooms that the user has read on any device.
  private async addRead(): Promise<void> {
    try {
      const { rooms } = await request(this.socket, "unread", {});
      for (const { room } of rooms.slice(0, 100)) this.add(room);
    } catch {
      // Without history there are no markers.
    }
  }

  private stored(): string[] {
    try {
      const names: unknown = JSON.parse(sessionStorage.getItem(storageKey) ?? "[]");
      return Array.isArray(names) ? names.filter((name) => typeof name === "string") : [];
    } catch {
      return [];
    }
  }

  private store(): void {
    sessionStorage.setItem(storageKey, JSON.stringify(this.open.value.map(({ name }) => name)));
  }
}
