// One connection for all tabs of a user: a SharedWorker holds it, and each tab speaks to the worker as it would speak
// to the server. Where there are no SharedWorkers (Chrome on Android, private windows of some browsers) each tab has a
// connection of its own.

import { io, type ManagerOptions, type SocketOptions } from "socket.io-client";
import type { FromHub, Hello, ToHub } from "./hub.js";
import { newId } from "./id.js";
import { type State, Writable } from "./state.js";
import { SignedOut, type TokenState, withToken } from "./token.js";
import type { ChorusClient, ChorusSocket, User } from "./types.js";

export interface SharedOptions {
  /** The address of the server; default the one that the page came from. */
  url?: string;
  /** Tabs of one user on one server share a connection. Also `Room` wants it, as its option `me`. */
  user: User;
  /** As that of `withToken`. One tab is asked, for all. */
  fetchToken: () => Promise<string>;
  /** Options of the official client that can be copied to a worker: no functions. */
  client?: Partial<ManagerOptions & SocketOptions>;
}

export interface SharedConnection {
  socket: ChorusClient;
  token: State<TokenState>;
  /** Whether a worker holds the connection. */
  shared: boolean;
  /** Ends the part of this tab. The connection ends with the last tab. */
  close(): void;
}

/** Connects, over the connection of another tab of the same user if there is one. */
export function connectShared(options: SharedOptions): SharedConnection {
  const url = new URL(options.url ?? "/", location.href).href;
  return typeof SharedWorker === "undefined" ? connectAlone(url, options) : connectWorker(url, options);
}

function connectAlone(url: string, { fetchToken, client = {} }: SharedOptions): SharedConnection {
  const socket: ChorusSocket = io(url, { ...client, autoConnect: false });
  const { state, stop } = withToken(socket, fetchToken);
  socket.connect();
  const close = () => {
    stop();
    socket.disconnect();
  };
  return { socket, token: state, shared: false, close };
}

function connectWorker(url: string, { user, fetchToken, client = {} }: SharedOptions): SharedConnection {
  const worker = new SharedWorker(new URL("./sharedworker.ts", import.meta.url), { type: "module", name: "chorus" });
  const port = new Port(worker.port, { url, user, client, lock: newId() }, fetchToken);
  return { socket: port as unknown as ChorusClient, token: port.token, shared: true, close: () => port.disconnect() };
}

type Listener = (...args: never[]) => void;

/** The side of a tab. It has the members of a socket that `ChorusClient` names. */
class Port {
  readonly token = new Writable<TokenState>({ phase: "ready" });
  id: string | undefined;
  connected = false;
  private readonly listeners = new Map<string, Set<Listener>>();
  private readonly waiting = new Map<number, (error: Error | null, answer?: unknown) => void>();
  private requests = 0;
  private readonly ending = new AbortController();

  constructor(
    private readonly port: MessagePort,
    private readonly hello: Hello,
    private readonly fetchToken: () => Promise<string>,
  ) {
    port.onmessage = ({ data }: MessageEvent<FromHub>) => this.take(data);
    const { signal } = this.ending;
    window.addEventListener("pagehide", () => this.say({ bye: true }), { signal });
    window.addEventListener("pageshow", ({ persisted }) => persisted && this.say({ hello }), { signal });
    // The worker waits for a lock of this tab, so it notices the end of the tab, also when the tab crashed. Pages that
    // were loaded without TLS have no locks.
    const held = new Promise<void>((done) => signal.addEventListener("abort", () => done()));
    if (navigator.locks === undefined) this.connect();
    else navigator.locks.request(hello.lock, () => this.connect() && held).catch(() => undefined);
  }

  on(event: string, listener: Listener): this {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
    return this;
  }

  off(event: string, listener: Listener): this {
    this.listeners.get(event)?.delete(listener);
    return this;
  }

  connect(): this {
    this.say({ hello: this.hello });
    return this;
  }

  disconnect(): this {
    this.say({ bye: true });
    this.ending.abort();
    this.port.close();
    this.gone("io client disconnect");
    return this;
  }

  emit(event: string, ...args: unknown[]): this {
    const ack = args.at(-1);
    if (typeof ack === "function") this.request(undefined, event, args.slice(0, -1), (_error, answer) => ack(answer));
    else this.say({ emit: [event, ...args] });
    return this;
  }

  emitWithAck(event: string, ...args: unknown[]): Promise<unknown> {
    return this.promise(undefined, event, args);
  }

  timeout(ms: number) {
    return { emitWithAck: (event: string, ...args: unknown[]) => this.promise(ms, event, args) };
  }

  private promise(timeout: number | undefined, event: string, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) =>
      this.request(timeout, event, args, (error, answer) => (error === null ? resolve(answer) : reject(error))),
    );
  }

  private request(timeout: number | undefined, event: string, args: unknown[], done: (error: Error | null, answer?: unknown) => void) {
    const request = ++this.requests;
    this.waiting.set(request, done);
    this.say({ emit: [event, ...args], request, ...(timeout === undefined ? {} : { timeout }) });
  }

  private say(message: ToHub): void {
    this.port.postMessage(message);
  }

  private take(message: FromHub): void {
    if ("event" in message) this.fire(...message.event);
    else if ("connected" in message) {
      this.connected = true;
      this.id = message.connected;
      this.fire("connect");
    } else if ("disconnected" in message) this.gone(message.disconnected);
    else if ("answered" in message) {
      const done = this.waiting.get(message.answered);
      this.waiting.delete(message.answered);
      done?.(message.failed === undefined ? null : new Error(message.failed), message.answer);
    } else if ("token" in message) this.token.set(message.token);
    else if ("ask" in message) this.answerToken(message.ask);
  }

  private answerToken(ask: number): void {
    this.fetchToken().then(
      (token) => this.say({ ask, token }),
      (error: unknown) => this.say({ ask, failed: String(error), signedOut: error instanceof SignedOut }),
    );
  }

  private gone(reason: string): void {
    if (!this.connected) return;
    this.connected = false;
    this.id = undefined;
    this.fire("disconnect", reason);
  }

  private fire(event: string, ...args: unknown[]): void {
    for (const listener of [...(this.listeners.get(event) ?? [])]) (listener as (...args: unknown[]) => void)(...args);
  }
}
