// chorus emit speaks to the clients of nodes and of Node.js servers, with each adapter. What package
// adapter/emitter does is in harness/interop.js.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { chorus, environment } from "./harness/chorus.js";
import { Inbox, join } from "./harness/client.js";
import { startGoPeer, startNodePeer } from "./harness/peers.js";
import { startRedis } from "./harness/redis.js";

async function setUp(t, name) {
  const redis = await startRedis(t);
  const settings = { CHORUS_CLUSTER_ADAPTER: name };
  const sharded = { pubsub: undefined, sharded: "dynamic", streams: "streams" }[name];
  const peers = [await startGoPeer(t, redis, settings), await startNodePeer(t, redis, { sharded })];
  return { redis, settings, peers };
}

async function member(t, peer, rooms, nsp = "/") {
  const socket = await join(t, peer.url + nsp);
  await socket.emitWithAck("enter", rooms);
  return Object.assign(socket, { inbox: new Inbox(socket, "hello", "fence") });
}

for (const name of ["pubsub", "sharded", "streams"]) {
  describe(name, () => {
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
      assert.equal(bad.code, 2);
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
