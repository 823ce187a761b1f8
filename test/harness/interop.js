// A Node.js server with the official adapter and a node of ours in one cluster, in both directions:
// what the one does reaches the clients, sockets and handlers of the other.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { Inbox, join } from "./client.js";
import { startGoPeer, startNodePeer } from "./peers.js";
import { startRedis, watchRequests } from "./redis.js";
import { token } from "./token.js";
import { event, until } from "./wait.js";

// startPeers returns a node of ours and a Node.js server of the cluster.
async function startPeers(t, redis, { sharded, ...options }) {
  return [await startGoPeer(t, redis, adapterSettings(sharded)), await startNodePeer(t, redis, { sharded, ...options })];
}

function adapterSettings(sharded) {
  if (sharded === "streams") return { CHORUS_CLUSTER_ADAPTER: "streams" };
  return sharded ? { CHORUS_CLUSTER_ADAPTER: "sharded", CHORUS_CLUSTER_SHARDED_MODE: sharded } : {};
}

// pair returns the server that acts, the other one, and what each has of clients.
async function pair(t, direction, options = {}) {
  const redis = await startRedis(t);
  const [go, node] = await startPeers(t, redis, options);
  const [actor, other] = direction === "Go to Node.js" ? [go, node] : [node, go];
  await until(async () => (await actor.serverCount()) === 2 && (await other.serverCount()) === 2, "two servers that see each other");
  return { redis, actor, other };
}

// member returns a client of the server that is in these rooms.
async function member(t, server, rooms = [], { nsp = "/", ...options } = {}) {
  const socket = await join(t, server.url + nsp, options);
  if (rooms.length > 0) await socket.emitWithAck("enter", rooms);
  return Object.assign(socket, { inbox: new Inbox(socket, "hello", "fence") });
}

// heardBy sends a fence to all behind what was sent before, and returns what each client heard ahead
// of it: one sender's messages keep their order.
let fences = 0;
async function heardBy(actor, clients, nsp = "/") {
  const fence = `fence ${++fences}`;
  await actor.emit({ nsp }, "fence", fence);
  return Promise.all(clients.map(async ({ inbox }) => {
    await inbox.until((items) => items.at(-1)?.[0] === fence, fence);
    return inbox.items.splice(0).slice(0, -1);
  }));
}

async function heard(actor, client, nsp) {
  return (await heardBy(actor, [client], nsp))[0].filter(([first]) => !String(first).startsWith("fence"));
}

// interop tests what servers do for each other: with the classic adapter, the one with "streams", or the
// sharded one in a mode.
export function interop(sharded) {
  for (const direction of ["Go to Node.js", "Node.js to Go"]) {
    describe(direction, () => {
      test("emit", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        const [ada, bob, eve] = [
          await member(t, other, ["r1", "7", "a#b/ü 🎈"]), await member(t, other, ["r2"]), await member(t, other, ["r1", "r2"]),
        ];
        const own = await member(t, actor, ["r1"]);
        const cases = {
          "to all": [{}, "ada bob eve own"],
          "to one room": [{ to: ["r1"] }, "ada eve own"],
          "to two rooms, once": [{ to: ["r1", "r2"] }, "ada bob eve own"],
          "to all except a room": [{ except: ["r2"] }, "ada own"],
          "to a room except another": [{ to: ["r1"], except: ["r2"] }, "ada own"],
          "to a room except a socket": [{ to: ["r1"], except: [ada.id] }, "eve own"],
          "to a socket": [{ to: [bob.id] }, "bob"],
          "to a room that is a number": [{ to: [7] }, "ada"],
          "to a room of # and unicode": [{ to: ["a#b/ü 🎈"] }, "ada"],
          "to a room of nobody": [{ to: ["nobody"] }, ""],
          "without compression": [{ to: ["r2"], compress: false }, "bob eve"],
          "to this server only": [{ local: true }, "own"],
        };
        for (const [name, [select, want]] of Object.entries(cases)) {
          await actor.emit(select, "hello", name);
          const items = await heardBy(actor, [ada, bob, eve, own]);
          assert.deepEqual(items.flat(), Array(items.flat().length).fill([name]));
          assert.equal(["ada", "bob", "eve", "own"].filter((_, i) => items[i].length === 1).join(" "), want, name);
          assert.ok(items.every(({ length }) => length < 2), `${name}: once`);
        }

        // A volatile one may be lost by a client that is not ready to take it, so there are several.
        const all = [ada, bob, eve, own];
        await until(async () => {
          await actor.emit({ volatile: true }, "hello", "volatile");
          return all.every(({ inbox }) => inbox.items.length > 0);
        }, "a volatile message heard by everybody");
      });

      test("values", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        const client = await member(t, other);
        const values = {
          text: ["hello"], "several values": ["a", 1, null, { b: [2] }], nothing: [], null: [null], booleans: [true, false],
          "whole numbers": [0, 1, -1, 127, 128, -128, -129, 65535, 65536, 4294967295, 4294967296, -2147483649],
          "the largest whole numbers": [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 60],
          "other numbers": [0.1, -2.5, 1e-7, 123456.789, 5e-324],
          emoji: ["👩‍👩‍👧 ünïcödé \u0000 \u2028"], "long text": ["x".repeat(70_000)],
          nested: [{ a: { b: [{ c: [] }, {}] }, "": 1, "7": "seven" }], "a long list": [Array.from({ length: 20_000 }, (_, i) => i)],
          binary: [Buffer.from([0, 1, 254, 255])], "binary inside": [{ file: Buffer.from("bytes"), list: [Buffer.alloc(0), 1] }, Buffer.from("two")],
          "much binary": [Buffer.alloc(100_000, 7)],
        };
        for (const [name, args] of Object.entries(values)) {
          await actor.emit({}, "hello", ...args);
          await actor.emit({}, "fence", "fence");
          const [got, fence] = (await client.inbox.count(2)).splice(0);
          assert.deepEqual(got, args, name);
          assert.deepEqual(fence, ["fence"], name);
        }
      });

      test("emit with acknowledgement", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        const clients = [await member(t, other, ["r"]), await member(t, other, ["r"]), await member(t, actor, ["r"]), await member(t, other)];
        clients.forEach((client, i) => client.on("ask", (value, answer) => answer({ i, value })));
        const mute = await member(t, other, ["mute"]);
        clients.slice(0, 1).forEach((client) => client.on("bytes", (answer) => answer(Buffer.from([1, 2, 3]))));

        const { error, answers } = await actor.emitWithAck({ to: ["r"], timeout: 5000 }, "ask", "q");
        assert.equal(error, undefined);
        assert.deepEqual(answers.toSorted((a, b) => a.i - b.i), [0, 1, 2].map((i) => ({ i, value: "q" })));

        const bytes = await actor.emitWithAck({ to: [clients[0].id], timeout: 5000 }, "bytes");
        assert.deepEqual(bytes.answers, [Buffer.from([1, 2, 3])]);

        const nobody = await actor.emitWithAck({ to: ["nobody"], timeout: 5000 }, "ask", "q");
        assert.deepEqual([nobody.error, nobody.answers], [undefined, []]);

        const late = await actor.emitWithAck({ to: ["r", "mute"], timeout: 500 }, "ask", "q");
        assert.ok(late.error, "one client never answers");
        assert.equal(late.answers.length, 3);
        assert.ok(mute.connected);
      });

      test("fetchSockets", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        const ada = await member(t, other, ["r"], { auth: { token: token({ sub: "ada", name: "Ada" }), theme: "dark" }, query: { page: "1" }, extraHeaders: { "X-Probe": "yes" } });
        const bob = await member(t, actor, [], { auth: { token: token({ sub: "bob" }) } });

        const all = await actor.fetchSockets({});
        assert.deepEqual(all.map(({ id }) => id).toSorted(), [ada.id, bob.id].toSorted());
        const [found, ...more] = await actor.fetchSockets({ to: ["r"] });
        assert.equal(more.length, 0);
        assert.equal(found.id, ada.id);
        assert.deepEqual(found.rooms.toSorted(), [ada.id, "r"].toSorted());
        assert.equal(found.data.decoded.sub, "ada");
        assert.equal(found.data.decoded.name, "Ada");
        assert.equal(found.handshake.auth.theme, "dark");
        assert.equal(found.handshake.query.page, "1");
        assert.equal(found.handshake.headers["x-probe"], "yes");
        if (direction === "Node.js to Go") assert.doesNotMatch(JSON.stringify(found), /eyJ/, "a token does not travel from a node of ours");
        assert.deepEqual((await actor.fetchSockets({ local: true })).map(({ id }) => id), [bob.id]);
        assert.deepEqual((await actor.fetchSockets({ except: ["r"] })).map(({ id }) => id), [bob.id]);
        assert.deepEqual(await actor.fetchSockets({ to: ["nobody"] }), []);
      });

      test("socketsJoin and socketsLeave", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        const [ada, bob, own] = [await member(t, other, ["r"]), await member(t, other), await member(t, actor, ["r"])];
        const roomsOf = async (id) => (await other.fetchSockets({ to: [id] }))[0].rooms.toSorted();

        await actor.socketsJoin({ to: ["r"] }, ["x", "y"]);
        for (const socket of [ada, own]) await until(async () => (await roomsOf(socket.id)).includes("y"), "in the new rooms");
        assert.deepEqual(await roomsOf(ada.id), [ada.id, "r", "x", "y"].toSorted());
        assert.deepEqual(await roomsOf(bob.id), [bob.id]);
        await actor.emit({ to: ["x"] }, "hello", "in x");
        assert.deepEqual(await heard(actor, ada), [["in x"]]);
        assert.deepEqual(await heard(actor, own), [["in x"]]);

        await actor.socketsLeave({ to: ["x"], except: [own.id] }, ["x", "r"]);
        await until(async () => !(await roomsOf(ada.id)).includes("x"), "out of the rooms");
        assert.deepEqual(await roomsOf(ada.id), [ada.id, "y"].toSorted());
        assert.deepEqual(await roomsOf(own.id), [own.id, "r", "x", "y"].toSorted());
      });

      for (const close of [false, true]) {
        test(`disconnectSockets, ${close ? "with" : "without"} their connections`, async (t) => {
          const { actor, other } = await pair(t, direction, { sharded });
          const [ada, bob] = [await member(t, other, ["r"]), await member(t, other)];
          const gone = event(ada, "disconnect");
          await actor.disconnectSockets({ to: ["r"] }, close);
          const [reason] = await gone;
          assert.ok(["io server disconnect", "transport close"].includes(reason), reason);
          if (close) await until(() => ada.io.engine === undefined || ada.io.engine.readyState === "closed", "its connection closed");
          // A client hears of it before its server has done all.
          await until(async () => (await other.fetchSockets({})).length === 1, "one client less");
          assert.deepEqual((await other.fetchSockets({})).map(({ id }) => id), [bob.id]);
          assert.deepEqual(await heard(actor, bob), []);
        });
      }

      test("serverSideEmit", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        await actor.serverSideEmit({}, "note", "a", 1, { b: [null] });
        await until(() => other.notes.length > 0, "the event");
        assert.deepEqual(other.notes, [["a", 1, { b: [null] }]]);
        assert.deepEqual(actor.notes, [], "the sender does not hear itself");

        const { error, answers } = await actor.serverSideEmitWithAck({}, "ask", 42);
        assert.equal(error, undefined);
        assert.deepEqual(answers, [{ from: direction === "Go to Node.js" ? "node" : "go", asked: 42 }]);

        const silent = await actor.serverSideEmitWithAck({}, "silent", 42);
        assert.match(String(silent.error?.message ?? silent.error), /timeout|in time/);
      });

      test("custom namespace", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded });
        const [inChat, inMain] = [await member(t, other, ["r"], { nsp: "/chat" }), await member(t, other, ["r"])];
        await actor.emit({ nsp: "/chat", to: ["r"] }, "hello", "chat");
        await actor.emit({ nsp: "/chat" }, "hello", "chat, all");
        assert.deepEqual(await heard(actor, inChat, "/chat"), [["chat"], ["chat, all"]]);
        assert.deepEqual(await heard(actor, inMain), []);
        assert.deepEqual((await actor.fetchSockets({ nsp: "/chat" })).map(({ id }) => id), [inChat.id]);
      });

      test("a second prefix on the same Redis hears nothing", async (t) => {
        const { redis, actor } = await pair(t, direction, { sharded });
        const foreign = direction === "Go to Node.js"
          ? await startNodePeer(t, redis, { sharded, prefix: "socket.io-2" })
          : await startGoPeer(t, redis, { ...adapterSettings(sharded), CHORUS_CLUSTER_REDIS_PREFIX: "socket.io-2" });
        const client = await member(t, foreign, ["r"]);
        await actor.emit({}, "hello", "all");
        await actor.emit({ to: ["r"] }, "hello", "room");
        await actor.disconnectSockets({ to: ["r"] }, false);
        await actor.serverSideEmit({}, "note", 1);
        assert.equal((await actor.fetchSockets({})).length, 0); // behind it, all of that has been published
        assert.equal(await actor.serverCount(), 2);
        assert.deepEqual(await heard(foreign, client), []);
        assert.deepEqual(foreign.notes, []);
        assert.ok(client.connected);
      });

      test("answers on the asker's own channel", async (t) => {
        const { actor, other } = await pair(t, direction, { sharded, ownResponses: true });
        const ada = await member(t, other);
        assert.deepEqual((await actor.fetchSockets({})).map(({ id }) => id), [ada.id]);
        assert.equal((await actor.serverSideEmitWithAck({}, "ask", 1)).answers.length, 1);
      });
    });
  }

  test("a server that is killed in the middle of a request", async (t) => {
    const redis = await startRedis(t);
    const [go, node] = await startPeers(t, redis, { sharded });
    const victim = await startGoPeer(t, redis, adapterSettings(sharded));
    await until(async () => (await go.serverCount()) === 3 && (await node.serverCount()) === 3, "three servers");
    const ada = await member(t, node);
    await member(t, victim);

    let requests = 0;
    await watchRequests(t, redis, sharded, () => requests++);

    victim.program.signalled("SIGSTOP"); // Redis counts it, and it does not answer
    const asked = [go.fetchSockets({}), node.fetchSockets({}), go.serverSideEmitWithAck({}, "ask", 1), node.serverSideEmitWithAck({}, "ask", 1)];
    const outcomes = Promise.allSettled(asked);
    await until(() => requests === asked.length, "the requests on Redis");
    victim.program.signalled("SIGKILL");
    const [goSockets, nodeSockets, goAnswers, nodeAnswers] = await outcomes;
    for (const outcome of [goSockets, nodeSockets]) assert.match(String(outcome.reason), /timeout|in time/);
    for (const { value } of [goAnswers, nodeAnswers]) {
      assert.ok(value.error);
      assert.equal(value.answers.length, 1, "the answer of the one that lives");
    }

    await until(async () => (await go.serverCount()) === 2, "Redis to notice");
    assert.deepEqual((await go.fetchSockets({})).map(({ id }) => id), [ada.id]);
    await go.emit({}, "hello", "on we go");
    assert.deepEqual(await heard(go, ada), [["on we go"]]);
  });
}
