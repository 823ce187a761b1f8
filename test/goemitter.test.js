// Package adapter/emitter and chorus emit speak to the clients of nodes and of Node.js servers, with each adapter.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chorus, environment } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { startGoPeer, startNodePeer } from "./harness/peers.js";
import { startRedis } from "./harness/redis.js";
import { event, until } from "./harness/wait.js";

const emitter = true;

async function setUp(t, name) {
  const redis = await startRedis(t);
  const settings = { CHORUS_CLUSTER_ADAPTER: name };
  const sharded = { pubsub: undefined, sharded: "dynamic", streams: "streams" }[name];
  const peers = [await startGoPeer(t, redis, settings), await startNodePeer(t, redis, { sharded })];
  return { redis, settings, emitter: peers[0], peers };
}

async function member(t, peer, rooms, nsp = "/") {
  const socket = await join(t, peer.url + nsp);
  await socket.emitWithAck("enter", rooms);
  return Object.assign(socket, { inbox: new Inbox(socket, "hello", "fence") });
}

for (const name of ["pubsub", "sharded", "streams"]) {
  describe(name, () => {
    test("emit", async (t) => {
      const { emitter: go, peers } = await setUp(t, name);
      const clients = [await member(t, peers[0], ["r"]), await member(t, peers[1], ["r", "x"]), await member(t, peers[1], ["x"])];
      const inChat = await member(t, peers[1], ["r"], "/chat");
      const binary = [Buffer.from([1, 2]), { n: [1.5, -3, 2 ** 40, null], b: Buffer.from("b") }];

      await go.emit({ emitter }, "hello", "all");
      await go.emit({ emitter, to: ["r"] }, "hello", "room");
      await go.emit({ emitter, to: ["r", "x"] }, "hello", "rooms");
      await go.emit({ emitter, to: ["r"], except: ["x"] }, "hello", "room except");
      await go.emit({ emitter, to: [clients[2].id] }, "hello", "socket");
      await go.emit({ emitter, compress: false }, "hello", ...binary);
      await go.emit({ emitter, nsp: "/chat" }, "hello", "chat");
      await go.emit({ emitter }, "fence");
      await go.emit({ emitter, nsp: "/chat" }, "fence");

      const want = [
        ["all", "room", "rooms", "room except"],
        ["all", "room", "rooms"],
        ["all", "rooms", "socket"],
      ].map((texts) => [...texts.map((text) => [text]), binary, []]);
      // With recovery off, Node.js servers append nothing; ours neither.
      for (const [i, { inbox }] of clients.entries()) assert.deepEqual(await inbox.count(want[i].length), want[i], `client ${i}`);
      assert.deepEqual(await inChat.inbox.count(2), [["chat"], []]);
      await until(() => {
        go.emit({ emitter, volatile: true }, "hello", "volatile");
        return clients.every(({ inbox }) => inbox.items.at(-1)[0] === "volatile");
      }, "a volatile message heard by everybody");
    });

    test("socketsJoin, socketsLeave, disconnectSockets, serverSideEmit", async (t) => {
      const { emitter: go, peers } = await setUp(t, name);
      const [ada, bob] = [await member(t, peers[0], ["r"]), await member(t, peers[1], ["s", "r"])];
      const roomsOf = async (socket) => (await peers[0].fetchSockets({ to: [socket.id] }))[0]?.rooms.filter((room) => room !== socket.id).toSorted().join();

      await go.socketsJoin({ emitter, to: ["r"] }, ["x", "y"]);
      await until(async () => (await roomsOf(ada)) === "r,x,y" && (await roomsOf(bob)) === "r,s,x,y", "join");
      await go.socketsLeave({ emitter, except: ["s"] }, ["x"]);
      await until(async () => (await roomsOf(ada)) === "r,y", "leave");
      assert.equal(await roomsOf(bob), "r,s,x,y");

      await go.serverSideEmit({ emitter }, "note", "from outside", 7);
      await until(() => peers.every(({ notes }) => notes.length > 0), "the event on every server");
      assert.deepEqual(peers.map(({ notes }) => notes), [[["from outside", 7]], [["from outside", 7]]]);

      const gone = event(bob, "disconnect");
      await go.disconnectSockets({ emitter, to: ["s"] }, true);
      await gone;
      assert.ok(ada.connected);
    });

    test("chorus emit", async (t) => {
      const { redis, settings, peers } = await setUp(t, name);
      const env = environment(redis, { ...settings, CHORUS_AUTH_SECRET: "" }); // it needs no key
      const clients = [await member(t, peers[0], ["lobby"]), await member(t, peers[1], ["lobby", "muted"]), await member(t, peers[1], [])];
      for (const args of [
        ["emit", "--room", "lobby", "hello", '{"text":"hi","n":12345678901234567890}', "null"],
        ["emit", "--room", "lobby", "--except", "muted", "hello", '"not muted"'],
        ["emit", "fence"],
      ]) {
        const { code, output } = await chorus(t, args, env);
        assert.equal(code, 0, output);
        assert.equal(output, "");
      }
      const hi = [{ text: "hi", n: 12345678901234567890 }, null];
      assert.deepEqual(await clients[0].inbox.count(3), [hi, ["not muted"], []]);
      assert.deepEqual(await clients[1].inbox.count(2), [hi, []]);
      assert.deepEqual(await clients[2].inbox.count(1), [[]]);

      const bad = await chorus(t, ["emit", "hello", "hi"], env);
      assert.equal(bad.code, 1);
      assert.match(bad.output, /hi is not JSON.*'"hi"'/);
    });
  });
}

test("chorus emit without Redis says what to do", async (t) => {
  const none = await chorus(t, ["emit", "hello"], {});
  assert.equal(none.code, 1);
  assert.match(none.output, /CHORUS_CLUSTER_REDIS_URL/);
  const away = await chorus(t, ["emit", "hello"], { CHORUS_CLUSTER_REDIS_URL: "redis://127.0.0.1:1" });
  assert.equal(away.code, 1);
  assert.match(away.output, /Redis at 127\.0\.0\.1:1.*refused/);
  assert.equal(away.lines.length, 1, away.output);
});
