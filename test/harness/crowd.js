// Clients of every transport behind a load balancer.
import assert from "node:assert/strict";
import { Inbox, join } from "./client.js";
import { event } from "./wait.js";

const transports = [["polling"], ["polling", "websocket"], ["websocket"]];

// crowd returns connected clients, a third of them by each way: long-polling, an upgrade, WebSocket.
export function crowd(t, url, { count = 24, ...options } = {}) {
  return Promise.all(Array.from({ length: count }, async (_, i) => {
    const socket = await join(t, url, { transports: transports[i % 3], reconnection: true, reconnectionDelay: 100, ...options });
    if (i % 3 === 1 && socket.io.engine.transport.name === "polling") await event(socket.io.engine, "upgrade");
    return { socket, sid: socket.io.engine.id, inbox: new Inbox(socket, "message"), gone: new Inbox(socket, "disconnect") };
  }));
}

// everybodyHears has each client send to all, so many times.
export async function everybodyHears(clients, times) {
  const before = clients.map(({ inbox }) => inbox.items.length);
  const gone = clients.map(({ gone }) => gone.items.length);
  for (let n = 0; n < times; n++) {
    const answers = await Promise.all(clients.map(({ socket }, i) => socket.timeout(20_000).emitWithAck("message", { i, n })));
    assert.deepEqual(answers.filter(({ ok }) => !ok), []);
  }
  for (const [i, { inbox }] of clients.entries()) await inbox.count(before[i] + clients.length * times);
  assert.deepEqual(clients.map(({ gone }) => gone.items.length), gone, "clients that were disconnected meanwhile");
}
