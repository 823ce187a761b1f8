// Connection state recovery: clients that return have their id, rooms and data, and hear what they have missed.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { chorus, environment, startNode, startNodes } from "./harness/chorus.js";
import { Inbox, connected, join, refusal } from "./harness/client.js";
import { startGoPeer, startNodePeer } from "./harness/peers.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const STREAMS = { CHORUS_CLUSTER_ADAPTER: "streams", CHORUS_RECOVERY_ENABLED: "true" };

// member returns a client in a room that has heard something, and so has an offset.
async function member(t, url, options) {
  const socket = await join(t, url, options);
  const inbox = new Inbox(socket, "publish", "message");
  await socket.emitWithAck("join", "r");
  await socket.emitWithAck("publish", "r", "first");
  await inbox.count(1);
  inbox.items.length = 0;
  return { socket, inbox };
}

// moves has the client lose its connection and open the next one, with the same session, where url says.
async function moves(socket, url, { missing = async () => {}, auth } = {}) {
  const gone = event(socket, "disconnect");
  socket.io.uri = url;
  socket.io.engine.close();
  await gone;
  await missing();
  if (auth) socket.auth = auth;
  const outcome = connected(socket);
  socket.connect();
  await outcome;
}

// publisher is another client, which is in the rooms that it publishes to.
async function publisher(t, url, ...rooms) {
  const socket = await join(t, url, { auth: { token: token({ sub: "bob" }) } });
  for (const room of rooms) await socket.emitWithAck("join", room);
  return socket;
}

const values = (inbox) => inbox.items.map(([, value]) => value);

describe("recovery", () => {
  for (const adapter of ["streams", "memory"]) {
    test(`a client returns, with ${adapter}`, async (t) => {
      const redis = adapter === "streams" ? await startRedis(t) : undefined;
      const settings = redis ? STREAMS : { CHORUS_RECOVERY_ENABLED: "true" };
      const one = await startNode(t, redis, settings);
      const two = redis ? await startNode(t, redis, settings) : one;
      const { socket, inbox } = await member(t, one.url);
      const other = await publisher(t, two.url, "r", "elsewhere");
      const { id } = socket;
      assert.equal(socket.recovered, false);
      await sleep(100); // the session is written

      await moves(socket, two.url, {
        missing: async () => {
          for (let n = 1; n <= 5; n++) await other.emitWithAck("publish", "r", n);
          await other.emitWithAck("publish", "elsewhere", "not for her");
          await other.emitWithAck("publish", "r", { file: Buffer.from([1, 2, 3]) });
          await other.emitWithAck("message", "to all");
        },
      });
      assert.equal(socket.recovered, true);
      assert.equal(socket.id, id);
      await other.emitWithAck("publish", "r", "live");
      await inbox.count(8);
      assert.deepEqual(values(inbox).slice(0, 5), [1, 2, 3, 4, 5]);
      assert.deepEqual(inbox.items[5][1], { file: Buffer.from([1, 2, 3]) });
      assert.equal(inbox.items[6][0], "to all");
      assert.equal(inbox.items[7][1], "live");

      // She may leave the room that she had joined, and is in no other.
      await socket.emitWithAck("leave", "r");
      await other.emitWithAck("publish", "r", "not any more");
      await other.emitWithAck("message", "end");
      await inbox.count(9);
      assert.equal(inbox.items[8][0], "end");
    });
  }

  test("the node that had the client is killed", async (t) => {
    const redis = await startRedis(t);
    const [one, two] = await startNodes(t, 2, redis, STREAMS);
    const { socket, inbox } = await member(t, one.url);
    const other = await publisher(t, two.url, "r");
    const { id } = socket;
    await sleep(100); // the session is written
    const gone = event(socket, "disconnect");
    one.signalled("SIGKILL");
    await other.emitWithAck("publish", "r", "missed");
    await gone;
    socket.io.uri = two.url;
    const outcome = connected(socket);
    socket.connect();
    await outcome;
    assert.deepEqual([socket.recovered, socket.id], [true, id]);
    await inbox.count(1);
    assert.deepEqual(values(inbox), ["missed"]);
    const metrics = await (await fetch(`${two.admin}/metrics`)).text();
    assert.match(metrics, /chorus_recoveries_total\{outcome="recovered"\} 1/);
    assert.match(metrics, /chorus_recovery_sessions 2/);
  });

  test("a node that ends in good order leaves the sessions to the others", async (t) => {
    const redis = await startRedis(t);
    const [one, two] = await startNodes(t, 2, redis, STREAMS);
    const { socket } = await member(t, one.url);
    const gone = event(socket, "disconnect");
    await one.stop();
    await gone;
    socket.io.uri = two.url;
    const outcome = connected(socket);
    socket.connect();
    await outcome;
    assert.equal(socket.recovered, true);
  });

  test("a token that was revoked meanwhile is refused", async (t) => {
    const redis = await startRedis(t);
    const [one, two] = await startNodes(t, 2, redis, STREAMS);
    const { socket } = await member(t, one.url, { auth: { token: token({ sub: "mallory" }) } });
    await sleep(100);
    const gone = event(socket, "disconnect");
    socket.io.uri = two.url;
    socket.io.engine.close();
    await gone;
    assert.equal((await chorus(t, ["token", "revoke", "--sub", "mallory"], environment(redis))).code, 0);
    await until(async () => {
      const outcome = refusal(socket).then((err) => err.data?.code, () => "let in");
      socket.connect();
      const code = await outcome;
      if (code === "let in") socket.io.engine.close();
      return code === "token_revoked";
    }, "refused");
    assert.equal(socket.connected, false);
  });

  test("one that is revoked while it is connected hears why, and its session has ended", async (t) => {
    const redis = await startRedis(t);
    const one = await startNode(t, redis, STREAMS);
    const { socket } = await member(t, one.url, { auth: { token: token({ sub: "mallory", jti: "t1" }) } });
    const why = event(socket, "token:revoked");
    const gone = event(socket, "disconnect");
    assert.equal((await chorus(t, ["token", "revoke", "--id", "t1"], environment(redis))).code, 0);
    assert.equal((await why)[0].code, "token_revoked");
    assert.equal((await gone)[0], "io server disconnect");
    socket.auth = { token: token({ sub: "mallory", jti: "t2" }) };
    const outcome = connected(socket);
    socket.connect();
    await outcome;
    assert.equal(socket.recovered, false);
  });

  test("somebody else's session, an ended one and one of long ago are new ones", async (t) => {
    const redis = await startRedis(t);
    const [one, two] = await startNodes(t, 2, redis, { ...STREAMS, CHORUS_RECOVERY_MAX_DISCONNECTION: "2s" });
    const { socket: ada } = await member(t, one.url);
    const { id } = ada;
    await sleep(100);
    await moves(ada, two.url, { auth: { token: token({ sub: "eve" }) } });
    assert.equal(ada.recovered, false);
    assert.notEqual(ada.id, id);

    const { socket: bob } = await member(t, one.url);
    const goodbye = event(bob, "disconnect");
    bob.disconnect();
    await goodbye;
    await sleep(200);
    const outcome = connected(bob);
    bob.connect();
    await outcome;
    assert.equal(bob.recovered, false);

    const { socket: old } = await member(t, one.url);
    await sleep(100);
    await moves(old, two.url, { missing: () => sleep(2500) });
    assert.equal(old.recovered, false);
  });

  test("rooms that the new token does not permit are left", async (t) => {
    const redis = await startRedis(t);
    const [one, two] = await startNodes(t, 2, redis, STREAMS);
    const { socket, inbox } = await member(t, one.url);
    await socket.emitWithAck("join", "public");
    const other = await publisher(t, two.url, "r", "public");
    await sleep(100);
    const left = event(socket, "left");
    await moves(socket, two.url, {
      missing: async () => {
        await other.emitWithAck("publish", "r", "secret by now");
        await other.emitWithAck("publish", "public", "open");
      },
      auth: { token: token({ chorus: { rooms: { join: ["public"] } } }) },
    });
    assert.equal(socket.recovered, true);
    assert.deepEqual((await left)[0], "r");
    await inbox.count(1);
    await other.emitWithAck("message", "end");
    await inbox.count(2);
    assert.deepEqual(inbox.items.map(([a, b]) => [a, b].filter((v) => !/^\d+-\d+$/.test(v)).at(-1)), ["open", "end"]);
  });

  for (const direction of ["from Node.js to Go", "from Go to Node.js"]) {
    test(`a client moves ${direction}`, async (t) => {
      const redis = await startRedis(t);
      const go = await startGoPeer(t, redis, STREAMS);
      const node = await startNodePeer(t, redis, { sharded: "streams", options: { connectionStateRecovery: { maxDisconnectionDuration: 120_000 } } });
      const [from, to] = direction === "from Go to Node.js" ? [go, node] : [node, go];
      const client = await join(t, from.url);
      const inbox = new Inbox(client, "hello");
      await client.emitWithAck("enter", ["r", "s"]);
      await to.emit({ to: ["r"] }, "hello", "first");
      await inbox.count(1);
      inbox.items.length = 0;
      const { id } = client;
      await sleep(200);
      await moves(client, to.url, {
        missing: async () => {
          await from.emit({ to: ["r"] }, "hello", 1);
          await to.emit({ to: ["s"], except: ["t"] }, "hello", 2);
          await to.emit({ to: ["r"], except: ["s"] }, "hello", "not for her");
          await from.emit({}, "hello", Buffer.from([3]));
          await sleep(300); // all is in the stream
        },
      });
      assert.deepEqual([client.recovered, client.id], [true, id]);
      await from.emit({ to: ["r"] }, "hello", "live");
      await inbox.count(4);
      assert.deepEqual(inbox.items.map(([value]) => value).toSorted((a, b) => String(a).localeCompare(String(b))),
        [1, 2, Buffer.from([3]), "live"].toSorted((a, b) => String(a).localeCompare(String(b))));
      const [found] = await to.fetchSockets({ to: ["r"] });
      assert.equal(found.id, id);
      assert.equal(found.data.decoded.sub, "ada");
    });
  }
});
