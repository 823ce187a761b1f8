// chorus dev: a cluster with nothing else installed, and a snippet that a newcomer pastes.
import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { test } from "node:test";
import { chorus, startNode } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { startDev } from "./harness/dev.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";

// paste runs a snippet in a Node.js process of its own.
function paste(t, snippet) {
  const here = fileURLToPath(new URL(".", import.meta.url));
  return run(t, "/bin/sh", ["-c", 'cd "$1" && exec node --input-type=module -e "$2"', "sh", here, snippet], {});
}

const says = (text) => (line) => (line.includes(text) ? true : undefined);

test("the printed snippet in two Node.js processes on two nodes: they hear each other", async (t) => {
  const dev = await startDev(t);
  assert.equal(dev.nodes.length, 3);
  assert.equal(dev.tokens.length, 2);
  const [alice, bob] = [dev.snippets.Alice, dev.snippets.Bob];
  assert.ok(alice.includes(dev.nodes[0]) && bob.includes(dev.nodes[1]), "two different nodes");

  const first = paste(t, alice);
  await first.line(says("sent { ok: true }"), "Alice to have spoken");
  const second = paste(t, bob);
  await first.line(says("heard hello from Bob"), "Alice to hear Bob");
  await second.line(says("heard hello from Bob"), "Bob to hear himself");
  paste(t, alice);
  await second.line(says("heard hello from Alice"), "Bob to hear Alice");
});

test("the front door spreads clients and keeps each on its node; the tokens open it", async (t) => {
  const dev = await startDev(t, ["--nodes", "2"]);
  for (const transports of [["websocket"], ["polling"], ["polling", "websocket"]]) {
    const clients = [];
    for (const url of [dev.frontDoor, dev.frontDoor, dev.frontDoor, ...dev.nodes]) {
      clients.push(await join(t, url, { transports, auth: { token: dev.tokens[0] } }));
    }
    const inboxes = clients.map((socket) => new Inbox(socket, "message"));
    for (const [i, socket] of clients.entries()) assert.deepEqual(await socket.emitWithAck("message", i), { ok: true });
    for (const inbox of inboxes) assert.deepEqual((await inbox.count(clients.length)).map(([n]) => n).toSorted(), [0, 1, 2, 3, 4]);
    for (const socket of clients) socket.disconnect();
  }
  const minted = await chorus(t, ["token", "--sub", "me"], { CHORUS_AUTH_SECRET: dev.secret });
  await join(t, dev.frontDoor, { auth: { token: minted.output } });
  assert.equal(await dev.stop("SIGINT"), 0);
});

test("over a Redis that is there, with a node of another process", async (t) => {
  const redis = await startRedis(t);
  const dev = await startDev(t, ["--nodes", "1", "--redis", redis.url]);
  const other = await startNode(t, redis, { CHORUS_AUTH_SECRET: dev.secret });
  const token = { auth: { token: dev.tokens[1] } };
  const [here, there] = [await join(t, dev.frontDoor, token), await join(t, other.url, token)];
  const inbox = new Inbox(there, "message");
  await here.emitWithAck("message", "across");
  assert.deepEqual(await inbox.count(1), [["across"]]);
});
