// The SharedWorker of shared.ts: it has one hub for each user of each server.

import { io } from "socket.io-client";
import { Hub, type Tab, type ToHub } from "./hub.js";
import type { ChorusSocket } from "./types.js";

const hubs = new Map<string, Hub>();

declare const self: { onconnect: ((event: MessageEvent) => void) | null };

self.onconnect = ({ ports: [port] }) => {
  if (port === undefined) return;
  const tab: Tab = { send: (message) => port.postMessage(message) };
  let hub: Hub | undefined;
  port.onmessage = ({ data }: MessageEvent<ToHub>) => {
    if (!("hello" in data)) {
      hub?.take(tab, data);
      return;
    }
    const { url, user, client, lock } = data.hello;
    const key = `${url} ${user.id}`;
    hub = hubs.get(key);
    if (hub === undefined) {
      const socket: ChorusSocket = io(url, { ...client, autoConnect: false });
      const made = new Hub(socket, user, () => hubs.get(key) === made && hubs.delete(key));
      hubs.set(key, made);
      hub = made;
    }
    const joined = hub;
    joined.enter(tab);
    navigator.locks?.request(lock, () => joined.take(tab, { bye: true })).catch(() => undefined);
  };
};
