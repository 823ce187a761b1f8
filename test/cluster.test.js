// The main job: what one client says through any node, every client of every node hears, once.
import assert from "node:assert/strict";
import { test } from "node:test";
import { startNodes } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";
import { event } from "./harness/wait.js";

const CLIENTS = 30;
const MESSAGES = 20; // of each client

const transports = {
  "WebSocket only": () => ["websocket"],
  "long-polling, then upgrade": () => ["polling", "websocket"],
  "long-polling only": () => ["polling"],
  mixed: (i) => [["websocket"], ["polling", "websocket"], ["polling"]][i % 3],
};

for (const [name, choose] of Object.entries(transports)) {
  test(`30 clients on three nodes: ${name}`, async (t) => {
    const nodes = await startNodes(t, 3, await startRedis(t));
    const clients = await Promise.all(Array.from({ length: CLIENTS }, async (_, i) => {
      // Half of the upgrades happen before the first message, half in the middle of them.
      const socket = await join(t, nodes[i % 3].url, { transports: choose(i) });
      if (choose(i).length === 2 && i % 2 === 0 && socket.io.engine.transport.name === "polling") {
        await event(socket.io.engine, "upgrade");
      }
      return { socket, inbox: new Inbox(socket, "message") };
    }));

    const answers = await Promise.all(clients.flatMap(({ socket }, sender) => Array.from({ length: MESSAGES }, (_, n) =>
      socket.timeout(20_000).emitWithAck("message", { sender, n }))));
    assert.deepEqual(new Set(answers.map((answer) => JSON.stringify(answer))), new Set(['{"ok":true}']));

    await Promise.all(clients.map(({ inbox }) => inbox.count(CLIENTS * MESSAGES)));
    // One more of each sender: behind it nothing of before can come any more.
    for (const [sender, { socket }] of clients.entries()) socket.emit("message", { sender, n: MESSAGES });
    await Promise.all(clients.map(({ inbox }) => inbox.count(CLIENTS * (MESSAGES + 1))));

    const want = Array.from({ length: MESSAGES + 1 }, (_, n) => n);
    for (const [receiver, { inbox }] of clients.entries()) {
      const bySender = group(inbox.items);
      for (let sender = 0; sender < CLIENTS; sender++) {
        assert.deepEqual(bySender.get(sender)?.map(([m]) => m.n), want, `client ${receiver} heard client ${sender}`);
      }
      assert.equal(inbox.items.length, CLIENTS * (MESSAGES + 1));
    }
  });
}

function group(items) {
  const groups = new Map();
  for (const item of items) {
    const sender = item[0].sender;
    groups.set(sender, [...(groups.get(sender) ?? []), item]);
  }
  return groups;
}
