// @socket.io/redis-emitter, which speaks to the clients of the cluster without being a server.
import assert from "node:assert/strict";
import { test } from "node:test";
import { Emitter } from "@socket.io/redis-emitter";
import { createClient } from "redis";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, join } from "./harness/client.js";
import { startGoPeer } from "./harness/peers.js";
import { startRedis } from "./harness/redis.js";
import { event, until } from "./harness/wait.js";

async function setUp(t) {
  const redis = await startRedis(t);
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.close());
  const peers = [await startGoPeer(t, redis), await startGoPeer(t, redis)];
  return { emitter: new Emitter(client), peers };
}

async function member(t, peer, rooms, nsp = "/") {
  const socket = await join(t, peer.url + nsp);
  await socket.emitWithAck("enter", rooms);
  return Object.assign(socket, { inbox: new Inbox(socket, "hello", "fence") });
}

test("emit", async (t) => {
  const { emitter, peers } = await setUp(t);
  const clients = [await member(t, peers[0], ["r"]), await member(t, peers[1], ["r", "x"]), await member(t, peers[1], ["x"])];
  const inChat = await member(t, peers[0], ["r"], "/chat");

  emitter.emit("hello", "all");
  emitter.to("r").emit("hello", "room");
  emitter.in(["r", "x"]).emit("hello", "rooms");
  emitter.to("r").except("x").emit("hello", "room except");
  emitter.except("r").emit("hello", "all except");
  emitter.to(clients[2].id).emit("hello", "socket");
  emitter.compress(false).emit("hello", { flags: true });
  emitter.emit("hello", Buffer.from([1, 2]), { n: [1.5, -3, 2 ** 40, null], b: Buffer.from("b") });
  emitter.of("/chat").emit("hello", "chat");
  emitter.emit("fence");
  emitter.of("/chat").emit("fence");

  const binary = [Buffer.from([1, 2]), { n: [1.5, -3, 2 ** 40, null], b: Buffer.from("b") }];
  const want = [
    [["all"], ["room"], ["rooms"], ["room except"], [{ flags: true }], binary, []],
    [["all"], ["room"], ["rooms"], [{ flags: true }], binary, []],
    [["all"], ["rooms"], ["all except"], ["socket"], [{ flags: true }], binary, []],
  ];
  for (const [i, { inbox }] of clients.entries()) assert.deepEqual(await inbox.count(want[i].length), want[i], `client ${i}`);
  assert.deepEqual(await inChat.inbox.count(2), [["chat"], []]);

  // A volatile one may be lost by a client that is not ready to take it, so there are several.
  await until(() => {
    emitter.volatile.emit("hello", "volatile");
    return clients.every(({ inbox }) => inbox.items.at(-1)[0] === "volatile");
  }, "a volatile message heard by everybody");
});

test("socketsJoin, socketsLeave, disconnectSockets, serverSideEmit", async (t) => {
  const { emitter, peers } = await setUp(t);
  const [ada, bob] = [await member(t, peers[0], ["r"]), await member(t, peers[1], ["s"])];
  const roomsOf = async (socket) => (await peers[0].fetchSockets({ to: [socket.id] }))[0]?.rooms.filter((room) => room !== socket.id).toSorted().join();

  emitter.in("r").socketsJoin(["x", "y"]);
  await until(async () => (await roomsOf(ada)) === "r,x,y", "join");
  emitter.socketsLeave("x");
  await until(async () => (await roomsOf(ada)) === "r,y", "leave");
  assert.equal(await roomsOf(bob), "s");

  emitter.serverSideEmit("note", "from outside", 7);
  await until(() => peers.every(({ notes }) => notes.length > 0), "the event on every node");
  assert.deepEqual(peers.map(({ notes }) => notes), [[["from outside", 7]], [["from outside", 7]]]);

  const gone = event(bob, "disconnect");
  emitter.except("r").disconnectSockets(true);
  await gone;
  assert.ok(ada.connected);
});
