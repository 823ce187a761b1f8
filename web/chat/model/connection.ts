// The connection of this page, and what there is to say about it.

import { signal } from "@preact/signals";
import { type ChorusSocket, type TokenState, withToken } from "chorus-kit";
import { listen } from "chorus-kit/listen";
import { io } from "socket.io-client";
import { text } from "../text.js";
import type { PageConfig } from "./page.js";
import { canRenew, tokenSource } from "./session.js";

export interface ConnectionStatus {
  phase: "connecting" | "connected" | "away";
  words: string;
}

export interface Notice {
  id: number;
  words: string;
  bad: boolean;
}

/** The longest pause between two attempts to connect, in milliseconds. */
const slowestRetry = 3_000;

export const status = signal<ConnectionStatus>({ phase: "connecting", words: text.connection.connecting });
export const notices = signal<Notice[]>([]);
let lastNotice = 0;

/** Shows a sentence for a few seconds; a bad one stays until it is dismissed. */
export function notify(words: string, bad = false): void {
  const notice = { id: ++lastNotice, words, bad };
  notices.value = [...notices.value.slice(-3), notice];
  if (!bad) setTimeout(() => dismiss(notice.id), 6_000);
}

export function dismiss(id: number): void {
  notices.value = notices.value.filter((notice) => notice.id !== id);
}

/** Says why a connection ended: by the code in words of this page, with what the server said. */
function endWords(code: string | undefined, message: string): string {
  const words = text.ends[code ?? ""];
  return words === undefined ? message : text.reason(words, message);
}

/** Connects. `ended` is called once, with words, when only the user can help: by signing in again. */
export function connect(page: PageConfig, ended: (words: string) => void): { socket: ChorusSocket; close: () => void } {
  const socket: ChorusSocket = io({ path: page.path, autoConnect: false, reconnectionDelayMax: slowestRetry });
  const { state, stop } = withToken(socket, tokenSource(page));

  const connected = () => {
    const transport = socket.io.engine.transport.name === "websocket" ? "websocket" : "polling";
    status.value = { phase: "connected", words: text.connection.connected(text.connection[transport]) };
  };
  const away = (why: string) => {
    const words = navigator.onLine ? why : text.connection.offline;
    status.value = { phase: "away", words: text.connection.away(words) };
  };
  let expiring = false; // the page will say when there is another token
  const silence = listen(socket, {
    connect: () => {
      connected();
      socket.io.engine.on("upgrade", connected);
    },
    disconnect: (reason) => away(text.connection.reasons[reason] ?? reason),
    connect_error: (error) => away(endWords(error.data?.code, error.data?.message ?? error.data?.reason ?? error.message)),
    "token:expiring": () => {
      if (canRenew(page)) expiring = true;
      else notify(text.connection.expiring, true);
    },
    "server:draining": () => notify(text.connection.draining),
    "cluster:degraded": () => notify(text.connection.degraded),
    "cluster:restored": () => notify(text.connection.restored),
  });
  const unwatch = state.watch(() => tokenChanged(state.get()));
  const tokenChanged = ({ phase, reason }: TokenState) => {
    if (phase === "ready" && expiring) {
      expiring = false;
      notify(text.connection.renewed);
    }
    if (phase === "ended") ended(endWords(reason?.code, reason?.message ?? ""));
  };
  // The official client notices this by itself, but not on localhost.
  const offline = () => socket.io.engine?.close();
  window.addEventListener("offline", offline);
  socket.connect();

  return {
    socket,
    close: () => {
      window.removeEventListener("offline", offline);
      unwatch();
      silence();
      stop();
      socket.disconnect();
      status.value = { phase: "connecting", words: text.connection.connecting };
    },
  };
}
