// The connection that several tabs share. The server sees one client; each tab sees a client of its own.

import { listen } from "./listen.js";
import { SignedOut, type TokenState, withToken } from "./token.js";
import type { ChorusSocket, Published, User } from "./types.js";

/** Who a tab is: what it connects to, and the lock that it holds as long as it lives. */
export interface Hello {
  url: string;
  user: User;
  client: object;
  lock: string;
}

/** What a tab says. */
export type ToHub =
  | { hello: Hello }
  | { bye: true }
  | { emit: [event: string, ...args: unknown[]]; request?: number; timeout?: number }
  | { ask: number; token: string }
  | { ask: number; failed: string; signedOut: boolean };

/** What a tab is told. */
export type FromHub =
  | { event: [name: string, ...args: unknown[]] }
  | { connected: string }
  | { disconnected: string }
  | { answered: number; answer?: unknown; failed?: string }
  | { token: TokenState }
  | { ask: number };

export interface Tab {
  send(message: FromHub): void;
}

type Emit = Extract<ToHub, { emit: unknown }>;
type Asked = { tab: Tab; resolve: (token: string) => void; reject: (error: unknown) => void };

/** How long a tab has to fetch a token, in milliseconds. */
const patience = 10_000;

export class Hub {
  private readonly tabs = new Set<Tab>();
  /** The tabs that are in a room. The client leaves it with the last one. */
  private readonly rooms = new Map<string, Set<Tab>>();
  private readonly asked = new Map<number, Asked>();
  private asks = 0;
  private readonly stop: () => void;
  private readonly token: { get(): TokenState };

  constructor(
    private readonly socket: ChorusSocket,
    private readonly user: User,
    private readonly ended: () => void,
  ) {
    const { state, stop } = withToken(socket, () => this.askToken());
    this.token = state;
    const unwatch = state.watch(() => {
      this.tell({ token: state.get() });
      if (state.get().phase === "ended") this.ended(); // a tab that signs in again gets another hub
    });
    const silence = listen(socket, {
      connect: () => this.tell({ connected: socket.id ?? "" }),
      disconnect: (reason) => {
        this.rooms.clear(); // each tab joins its rooms again
        this.tell({ disconnected: reason });
      },
      connect_error: ({ message, data }) => this.tell({ event: ["connect_error", { message, data }] }),
      left: (room) => this.rooms.delete(room),
    });
    const heard = (name: string, ...args: unknown[]) =>
      this.tell({ event: [name, ...args.filter((arg) => typeof arg !== "function")] });
    socket.onAny(heard);
    this.stop = () => {
      stop();
      unwatch();
      silence();
      socket.offAny(heard);
      socket.disconnect();
    };
  }

  enter(tab: Tab): void {
    this.tabs.add(tab);
    tab.send({ token: this.token.get() });
    if (this.socket.connected) tab.send({ connected: this.socket.id ?? "" });
    else if (this.tabs.size === 1) this.socket.connect();
  }

  take(tab: Tab, message: ToHub): void {
    if (!this.tabs.has(tab)) return;
    if ("bye" in message) this.leave(tab);
    else if ("emit" in message) void this.emit(tab, message);
    else if ("ask" in message) {
      const asked = this.asked.get(message.ask);
      this.asked.delete(message.ask);
      if ("token" in message) asked?.resolve(message.token);
      else asked?.reject(message.signedOut ? new SignedOut(message.failed) : new Error(message.failed));
    }
  }

  private leave(tab: Tab): void {
    this.tabs.delete(tab);
    if (this.tabs.size === 0) {
      this.stop();
      this.ended();
      return;
    }
    for (const [room, members] of this.rooms) {
      if (members.delete(tab) && members.size === 0) {
        this.rooms.delete(room);
        if (this.socket.connected) this.socket.emit("leave", room, () => undefined);
      }
    }
    for (const { tab: other, reject } of this.asked.values()) if (other === tab) reject(new Error("the tab has ended"));
  }

  private async emit(tab: Tab, { emit: [event, ...args], request, timeout }: Emit): Promise<void> {
    const room = String(args[0]);
    if (event === "join") this.rooms.set(room, (this.rooms.get(room) ?? new Set()).add(tab));
    if (event === "leave") {
      const members = this.rooms.get(room);
      members?.delete(tab);
      if (members !== undefined && members.size > 0) {
        if (request !== undefined) tab.send({ answered: request, answer: { ok: true } });
        return;
      }
      this.rooms.delete(room);
    }
    // The client types each event by itself; here the event is a parameter.
    type Sender = { emit(...event: unknown[]): void; emitWithAck(...event: unknown[]): Promise<unknown> };
    const sender = (timeout === undefined ? this.socket : this.socket.timeout(timeout)) as unknown as Sender;
    if (request === undefined) {
      sender.emit(event, ...args);
      return;
    }
    try {
      const answer = (await sender.emitWithAck(event, ...args)) as { ok?: boolean } | undefined;
      if (answer?.ok !== true && event === "join") this.rooms.get(room)?.delete(tab);
      if (answer?.ok === true) this.echo(tab, event, args, answer);
      tab.send({ answered: request, answer });
    } catch (error) {
      tab.send({ answered: request, failed: String(error) });
    }
  }

  /** Tells the other tabs what the server tells the user's other sockets, which they are not. */
  private echo(sender: Tab, event: string, [to, value]: unknown[], answer: object): void {
    const tell = (...told: [string, ...unknown[]]) => {
      for (const tab of this.tabs) if (tab !== sender) tab.send({ event: told });
    };
    const talk = event === "direct" ? `@${String(to)}` : String(to);
    if (event === "read") tell("read", to, { user: this.user.id, seq: value });
    else if (event === "direct" || (event === "publish" && talk.startsWith("@"))) {
      const { id, at, seq, cursor } = answer as Published;
      const place = seq === undefined ? {} : { seq, cursor };
      tell("direct", talk.slice(1), value, { id, at, from: this.user, ...place });
    }
  }

  private tell(message: FromHub): void {
    for (const tab of this.tabs) tab.send(message);
  }

  // Asks one tab after the other, until one answers: a tab may sleep.
  private askToken(): Promise<string> {
    return new Promise((resolve, reject) => {
      const ask = ++this.asks;
      const tab = [...this.tabs][ask % this.tabs.size];
      if (tab === undefined) return reject(new Error("there is no tab"));
      this.asked.set(ask, { tab, resolve, reject });
      setTimeout(() => this.asked.delete(ask) && reject(new Error("the tab does not answer")), patience);
      tab.send({ ask });
    });
  }
}
