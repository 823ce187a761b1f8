// Clients of version 2 (Engine.IO 3), which exist in many an app store.
import assert from "node:assert/strict";
import { test } from "node:test";
import ioV2 from "socket.io-client-v2";
import { startNode, startNodes } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";
import { token, tokens } from "./harness/token.js";
import { event } from "./harness/wait.js";

function open(t, url, query, transports = ["websocket"]) {
  const socket = ioV2(url, { forceNew: true, reconnection: false, transports, query });
  cleanup(t, () => socket.disconnect());
  return socket;
}

for (const transports of [["websocket"], ["polling", "websocket"], ["polling"]]) {
  test(`a client of version 2 with a query token, over ${transports.join(", then ")}`, async (t) => {
    const [one, two] = await startNodes(t, 2, await startRedis(t), { CHORUS_ALLOW_EIO3: "true" });
    const old = open(t, one.url, { token: token({ sub: "old" }) }, transports);
    await event(old, "connect");
    const current = await join(t, two.url);
    const inboxes = [old, current].map((socket) => new Inbox(socket, "message"));

    const sent = [{ text: "from version 2" }, { text: "ünïcödé 👋", n: [1, 2.5, null] }, Buffer.from([1, 2, 255])];
    for (const value of sent) {
      assert.deepEqual(await new Promise((resolve) => old.emit("message", value, resolve)), { ok: true });
    }
    // One order holds for what one client says: the other one begins when all have heard the first.
    for (const inbox of inboxes) await inbox.count(3);
    for (const value of sent) await current.emitWithAck("message", value);
    for (const inbox of inboxes) assert.deepEqual(await inbox.count(6), [...sent, ...sent].map((value) => [value]));
  });
}

for (const [name, { make, code }] of Object.entries(tokens).filter(([, { code }]) => code)) {
  test(`a client of version 2 is refused: token ${name}`, async (t) => {
    const node = await startNode(t, undefined, { CHORUS_ALLOW_EIO3: "true" });
    const value = make();
    const socket = open(t, node.url, value === undefined ? {} : { token: value });
    // A version 2 server greets the main namespace before it asks the middleware; what counts is
    // that the client hears the refusal and is told nothing else.
    const [error] = await event(socket, "error");
    assert.equal(error.message, "Authentication error");
    assert.equal(error.code, code);
  });
}

test("without allow_eio3 a client of version 2 is turned away", async (t) => {
  const node = await startNode(t);
  const response = await fetch(`${node.url}/socket.io/?EIO=3&transport=polling&token=${token()}`);
  assert.equal(response.status, 400);
  assert.equal((await response.json()).message, "Unsupported protocol version");
  const [error] = await event(open(t, node.url, { token: token() }, ["polling"]), "connect_error");
  assert.ok(error);
});
