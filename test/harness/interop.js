// A Node.js server with the official adapter and a node of ours in one cluster, in both directions:
// what the one does reaches the clients, sockets and handlers of the other. Emitters, which are no
// servers, do a part of it.
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { Inbox, join } from "./client.js";
import { GoEmitter, REQUEST_TIMEOUT_MS, startGoPeer, startNodeEmitter, startNodePeer, startNodeProcess } from "./peers.js";
import { joinPolling } from "./polling.js";
import { publishMalformed } from "./malformed.js";
import { startRedis, watchRequests } from "./redis.js";
import { token } from "./token.js";
import { event, until } from "./wait.js";

// goSettings are the variables of a node of ours with the adapter.
function goSettings(sharded, { useShardedPubSub, streamCount } = {}) {
  const settings = { CHORUS_COMPRESSION: "true" };
  if (sharded === "streams") {
    return {
      ...settings, CHORUS_CLUSTER_ADAPTER: "streams",
      ...(streamCount ? { CHORUS_CLUSTER_STREAMS_COUNT: String(streamCount) } : {}),
      ...(useShardedPubSub ? { CHORUS_CLUSTER_STREAMS_SHARDED_PUBSUB: "true" } : {}),
    };
  }
  return sharded ? { ...settings, CHORUS_CLUSTER_ADAPTER: "sharded", CHORUS_CLUSTER_SHARDED_MODE: sharded } : settings;
}

// cluster starts a Redis, a node of ours and a Node.js server that see each other.
async function startCluster(t, sharded, streams, options = {}) {
  const redis = await startRedis(t);
  const go = await startGoPeer(t, redis, goSettings(sharded, streams));
  const node = await startNodePeer(t, redis, { sharded, streams, options: { perMessageDeflate: true }, ...options });
  await countServers([go, node], 2);
  return { redis, go, node };
}

function countServers(peers, count) {
  return until(async () => (await Promise.all(peers.map((peer) => peer.serverCount()))).every((n) => n === count), `${count} servers that see each other`);
}

// member returns a client of the server that is in these rooms.
async function member(t, server, rooms = [], { nsp = "/", ...options } = {}) {
  const socket = await join(t, server.url + nsp, options);
  if (rooms.length > 0) assert.equal(await socket.emitWithAck("enter", rooms), "entered");
  return Object.assign(socket, { inbox: new Inbox(socket, "hello", "fence") });
}

// number returns a room that is a number where there are such.
function number(server, n) {
  return server.kind === "node" ? n : String(n);
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

// roomsOf returns the rooms that a client of the server is in, but for its own and those of its user.
async function roomsOf(server, client, nsp = "/") {
  const [found] = await server.fetchSockets({ nsp, to: [client.id], local: true });
  return found.rooms.filter((room) => room !== client.id && !String(room).startsWith("user:")).map(String).toSorted().join();
}

// received returns what came over a client's connection while something was done, in bytes.
async function received(client, action) {
  const { _socket: connection } = client.io.engine.transport.ws;
  const start = connection.bytesRead;
  await action();
  return connection.bytesRead - start;
}

const longRoom = "a room of 20 letters"; // Node.js takes its name for the id of a socket
const longEmoji = "🎈".repeat(10); // as long in UTF-16

// values arrive as they are; what is different behind an arrow is what a client gets.
const values = {
  text: ["hello"], "several values": ["a", 1, null, { b: [2] }], nothing: [], null: [null, [null], { a: null }], booleans: [true, false],
  "whole numbers": [0, 1, -1, 127, 128, 255, 256, -32, -33, -128, -129, -32768, -32769, 65535, 65536, 2 ** 31, 4294967295, 4294967296, -2147483648, -2147483649],
  "the largest whole numbers": [Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 60, -(2 ** 62)],
  "other numbers": [0.1, -2.5, 1e-7, 123456.789, 5e-324],
  emoji: ["👩‍👩‍👧 ünïcödé \u0000 \u2028", { "🎈": "👍🏽" }], "long text": ["x".repeat(70_000)],
  nested: [{ a: { b: [{ c: [] }, {}] }, "": 1, "7": "seven" }], "a long list": [Array.from({ length: 20_000 }, (_, i) => i)],
  binary: [Buffer.from([0, 1, 254, 255])], "binary inside": [{ file: Buffer.from("bytes"), list: [Buffer.alloc(0), 1, null, 2 ** 40, -1.5, "🎈"] }, Buffer.from("two")],
  "much binary": [Buffer.alloc(100_000, 7)],
};
const beyond = [1e21, -1e300, Number.MAX_VALUE]; // the classic adapter of Node.js makes others of them
const dates = [new Date("2026-01-02T03:04:05.678Z"), { at: new Date("1969-07-20T20:17:40.123Z") }, [new Date("2500-01-01T00:00:00.001Z")]];
const dateTexts = ["2026-01-02T03:04:05.678Z", { at: "1969-07-20T20:17:40.123Z" }, ["2500-01-01T00:00:00.001Z"]];

// What JavaScript alone can say arrives as at a client of another Node.js server.
const strangeValues = {
  "a whole second": [new Date(1_700_000_000_000), new Date(0), new Date(-1000)], "a date beside binary": [new Date(1_700_000_000_001), Buffer.from("b")],
  undefined: [undefined, [undefined]], "not a number": [NaN, Infinity, -Infinity, -0], "whole numbers beyond 64 bits": beyond, "binary in other ways": [new Uint8Array([1, 2, 3]), new Uint8Array([4, 5]).buffer],
  "a number beside binary": [NaN, -0, 2 ** 53, Buffer.from("b")], "half of a surrogate pair": ["\ud800"],
};

// interop tests what servers do for each other: with the classic adapter, the one with "streams", or the
// sharded one in a mode; streams are options of createAdapter of the package with streams.
export function interop(sharded, streams) {
  const ends = [];
  let peers;
  before(async () => {
    const owner = { after: (end) => ends.push(end) };
    peers = await startCluster(owner, sharded, streams);
    peers.goEmitter = new GoEmitter(peers.go);
    if (sharded === undefined) peers.nodeEmitter = await startNodeEmitter(owner, peers.redis);
  });
  after(async () => {
    for (const end of ends) await end();
  });

  // begin waits until the clients of the test before are gone, and returns the servers.
  async function begin(actor, other, own = actor) {
    const { go, node } = peers;
    for (const peer of [go, node]) {
      for (const nsp of ["/", "/chat"]) {
        await until(async () => (await peer.fetchSockets({ nsp, local: true })).length === 0, "no client of the test before");
        peer.notes[nsp].length = 0;
      }
    }
    return { redis: peers.redis, actor: peers[actor], other: peers[other], own: peers[own] };
  }

  const directions = { "Go to Node.js": ["go", "node"], "Node.js to Go": ["node", "go"], "Go emitter": ["goEmitter", "node", "go"] };
  if (sharded === undefined) directions["Node.js emitter"] = ["nodeEmitter", "go", "node"];

  for (const [direction, route] of Object.entries(directions)) {
    const server = route.length === 2;
    describe(direction, () => {
      test("emit", async (t) => {
        const { actor, other, own: beside } = await begin(...route);
        const [ada, bob, eve] = [
          await member(t, other, ["r1", "7", "a#b/ü 🎈", longRoom, longEmoji]), await member(t, other, ["r2"]), await member(t, other, ["r1", "r2", number(other, 8)]),
        ];
        const own = await member(t, beside, ["r1"]);
        const cases = {
          "to all": [{}, "ada bob eve own"],
          "to one room": [{ to: ["r1"] }, "ada eve own"],
          "to two rooms, once": [{ to: ["r1", "r2"] }, "ada bob eve own"],
          "to all except a room": [{ except: ["r2"] }, "ada own"],
          "to all except two rooms": [{ except: ["r2", "7"] }, "own"],
          "to a room except another": [{ to: ["r1"], except: ["r2"] }, "ada own"],
          "to a room except a socket": [{ to: ["r1"], except: [ada.id] }, "eve own"],
          "to two rooms except two": [{ to: ["r1", "r2"], except: ["7", bob.id] }, "eve own"],
          "to a socket": [{ to: [bob.id] }, "bob"],
          "to a room that is a number": [{ to: [8] }, "eve"],
          "to a number and another room": [{ to: [8, "r2"] }, "bob eve"],
          "to a room except a number": [{ to: ["r1"], except: [8] }, "ada own"],
          "to a room that is the text of a number": [{ to: ["7"] }, "ada"],
          "to a room of # and unicode": [{ to: ["a#b/ü 🎈"] }, "ada"],
          "to a room with a name as long as an id": [{ to: [longRoom] }, "ada"],
          "to a room with a name as long as an id in UTF-16": [{ to: [longEmoji] }, "ada"],
          "to a room of nobody": [{ to: ["nobody"] }, ""],
          "without compression": [{ to: ["r2"], compress: false }, "bob eve"],
          ...(server ? { "to this server only": [{ local: true }, "own"] } : {}),
        };
        for (const [name, [select, want]] of Object.entries(cases)) {
          await actor.emit(select, "hello", name);
          const items = await heardBy(actor, [ada, bob, eve, own]);
          assert.deepEqual(items.flat(), Array(items.flat().length).fill([name]));
          assert.equal(["ada", "bob", "eve", "own"].filter((_, i) => items[i].length === 1).join(" "), want, name);
          assert.ok(items.every(({ length }) => length < 2), `${name}: once`);
        }
        if (other.kind === "go" && actor.kind === "node") { // to us they are one room
          await actor.emit({ to: [7] }, "hello", "7");
          assert.deepEqual(await heard(actor, ada), [["7"]]);
        }
      });

      test("a volatile event is for those that can take it", async (t) => {
        const { actor, other } = await begin(...route);
        const [witness, slow] = [await member(t, other), await joinPolling(t, other.url)];
        await actor.emit({}, "hello", "kept");
        await actor.emit({ volatile: true }, "hello", "volatile");
        await actor.emit({}, "hello", "kept, too");
        assert.deepEqual((await heard(actor, witness)).filter(([text]) => text !== "volatile"), [["kept"], ["kept, too"]]);
        const packets = await slow.until((all) => all.some((packet) => packet.includes("fence")));
        assert.deepEqual(packets.filter((packet) => packet.includes("hello")), ['42["hello","kept"]', '42["hello","kept, too"]']);

        // A volatile one may be lost by a client that is not ready to take it, so there are several.
        await until(async () => {
          await actor.emit({ volatile: true }, "hello", "volatile");
          return witness.inbox.items.length > 0;
        }, "a volatile message heard");
      });

      test("compression", async (t) => {
        const { actor, other } = await begin(...route);
        const client = await member(t, other);
        const text = "x".repeat(50_000);
        // The engine of Node.js compresses all the same: there it is what it is told.
        const told = [];
        if (other.kind === "node") {
          const { conn } = other.io.of("/").sockets.get(client.id);
          conn.on("packetCreate", ({ data, options }) => data?.length > text.length && told.push(options.compress));
        }
        const cases = { "as the server does": [{}, true], on: [{ compress: true }, true], off: [{ compress: false }, false] };
        for (const [name, [select, compressed]] of Object.entries(cases)) {
          const bytes = await received(client, async () => {
            await actor.emit(select, "hello", text);
            assert.deepEqual(await heard(actor, client), [[text]]);
          });
          if (other.kind === "node") assert.deepEqual(told.splice(0), [compressed], name);
          else assert.equal(bytes < text.length, compressed, `${name}: ${bytes} bytes`);
        }
      });

      test("values", async (t) => {
        const { actor, other } = await begin(...route);
        const client = await member(t, other);
        const cases = Object.entries(values).map(([name, args]) => [name, args, args]);
        if (actor === peers.go || actor === peers.goEmitter) cases.push(["whole numbers beyond 64 bits", beyond, beyond]);
        for (const [name, args, want] of [...cases, ["dates", dates, dateTexts]]) {
          await actor.emit({}, "hello", ...args);
          await actor.emit({}, "fence", "fence");
          const [got, fence] = (await client.inbox.count(2)).splice(0);
          assert.deepEqual(got, want, name);
          assert.deepEqual(fence, ["fence"], name);
        }
      });

      test("socketsJoin and socketsLeave", async (t) => {
        const { actor, other, own: beside } = await begin(...route);
        const [ada, bob, own] = [await member(t, other, ["r"]), await member(t, other), await member(t, beside, ["r"])];
        const inChat = await member(t, other, ["r"], { nsp: "/chat" });

        await actor.socketsJoin({ to: ["r"] }, ["x", "y"]);
        await until(async () => (await roomsOf(other, ada)) === "r,x,y" && (await roomsOf(beside, own)) === "r,x,y", "in the new rooms");
        assert.equal(await roomsOf(other, bob), "");
        await actor.emit({ to: ["x"] }, "hello", "in x");
        assert.deepEqual(await heard(actor, ada), [["in x"]]);
        assert.deepEqual(await heard(actor, own), [["in x"]]);

        await actor.socketsLeave({ to: ["x"], except: [own.id] }, ["x", "r"]);
        await until(async () => (await roomsOf(other, ada)) === "y", "out of the rooms");
        assert.equal(await roomsOf(beside, own), "r,x,y");

        await actor.socketsJoin({}, ["all"]);
        await until(async () => (await roomsOf(other, bob)) === "all" && (await roomsOf(other, ada)) === "all,y" && (await roomsOf(beside, own)) === "all,r,x,y", "all in a room");
        await actor.socketsJoin({ to: ["y", bob.id] }, [8]);
        await until(async () => (await roomsOf(other, bob)) === "8,all" && (await roomsOf(beside, own)) === "8,all,r,x,y", "in a room that is a number");
        await actor.emit({ to: [8] }, "hello", "in 8");
        assert.deepEqual((await heardBy(actor, [ada, bob, own])).map((items) => items.at(-1)), Array(3).fill(["in 8"]));
        await actor.socketsLeave({ except: [ada.id] }, [8]);
        await until(async () => (await roomsOf(other, bob)) === "all" && (await roomsOf(beside, own)) === "all,r,x,y", "out of it");
        assert.equal(await roomsOf(other, ada), "8,all,y");
        assert.equal(await roomsOf(other, inChat, "/chat"), "r");
      });

      for (const close of [false, true]) {
        test(`disconnectSockets, ${close ? "with" : "without"} their connections`, async (t) => {
          const { actor, other } = await begin(...route);
          const [ada, bob, eve] = [await member(t, other, ["r", "s"]), await member(t, other), await member(t, other, ["r"])];
          // The same connection has a socket in another namespace.
          const chat = ada.io.socket("/chat", { auth: { token: token() } });
          t.after(() => chat.disconnect());
          await event(chat, "connect");
          const gone = event(ada, "disconnect");
          const chatGone = close ? event(chat, "disconnect") : undefined;
          await actor.disconnectSockets({ to: ["r", "nobody"], except: [eve.id] }, close);
          assert.equal((await gone)[0], "io server disconnect");
          await chatGone;
          if (close) {
            await until(() => ada.io.engine === undefined || ada.io.engine.readyState === "closed", "its connection closed");
          }
          // A client hears of it before its server has done all.
          await until(async () => (await other.fetchSockets({ local: true })).length === 2, "one client less");
          assert.deepEqual((await other.fetchSockets({ local: true })).map(({ id }) => id).toSorted(), [bob.id, eve.id].toSorted());
          assert.deepEqual(await heard(actor, bob), []);
          assert.equal((await other.fetchSockets({ nsp: "/chat", local: true })).length, close ? 0 : 1);
          assert.equal(chat.connected, !close);
        });
      }

      test("serverSideEmit", async (t) => {
        const { actor, other } = await begin(...route);
        const wanted = [["a", 1, { b: [null] }], [], [null, "ü🎈", -(2 ** 40), 0.5, true]];
        if (sharded !== undefined) wanted.push([Buffer.from("binary"), { inside: [Buffer.from([0, 255])] }]); // which JSON cannot say
        for (const args of wanted) await actor.serverSideEmit({}, "note", ...args);
        await until(() => other.notes["/"].length === wanted.length, "the events");
        assert.deepEqual(other.notes["/"], wanted);
        await actor.serverSideEmit({ nsp: "/chat" }, "note", "chat");
        await until(() => other.notes["/chat"].length > 0, "the event in another namespace");
        assert.deepEqual(other.notes, { "/": wanted, "/chat": [["chat"]] });
        if (server) assert.deepEqual(actor.notes, { "/": [], "/chat": [] }, "the sender does not hear itself");
      });

      test("custom namespace", async (t) => {
        const { actor, other } = await begin(...route);
        const [inChat, inMain] = [await member(t, other, ["r"], { nsp: "/chat" }), await member(t, other, ["r"])];
        await actor.emit({ nsp: "/chat", to: ["r"] }, "hello", "chat");
        await actor.emit({ nsp: "/chat" }, "hello", "chat, all");
        await actor.emit({ nsp: "/chat", to: [inMain.id] }, "hello", "nobody");
        await actor.emit({ nsp: "/chat", except: [inMain.id] }, "hello", Buffer.from("chat"));
        assert.deepEqual(await heard(actor, inChat, "/chat"), [["chat"], ["chat, all"], [Buffer.from("chat")]]);
        assert.deepEqual(await heard(actor, inMain), []);
        await actor.socketsJoin({ nsp: "/chat" }, ["x"]);
        await until(async () => (await roomsOf(other, inChat, "/chat")) === "r,x", "in the new room");
        await actor.socketsLeave({ nsp: "/chat", to: ["r"] }, ["r"]);
        await until(async () => (await roomsOf(other, inChat, "/chat")) === "x", "out of it");
        assert.equal(await roomsOf(other, inMain), "r");
        if (server) {
          assert.deepEqual((await actor.fetchSockets({ nsp: "/chat" })).map(({ id }) => id), [inChat.id]);
          inChat.on("ask", (answer) => answer("chat"));
          inMain.on("ask", (answer) => answer("main"));
          assert.deepEqual(await actor.emitWithAck({ nsp: "/chat", timeout: 5000 }, "ask"), { error: undefined, answers: ["chat"] });
          const { answers } = await actor.serverSideEmitWithAck({ nsp: "/chat" }, "ask", 1);
          assert.deepEqual(answers, [{ from: other.kind, asked: 1, nsp: "/chat" }]);
        }
        const gone = event(inChat, "disconnect");
        await actor.disconnectSockets({ nsp: "/chat" }, false);
        await gone;
        assert.ok(inMain.connected);
      });

      if (!server) return;

      test("emit with acknowledgement", async (t) => {
        const { actor, other } = await begin(...route);
        const clients = [await member(t, other, ["r"]), await member(t, other, ["r"]), await member(t, actor, ["r"]), await member(t, other, ["s"])];
        clients.forEach((client, i) => client.on("ask", (value, answer) => answer({ i, value })));
        const mute = await member(t, other, ["mute"]);
        const cases = {
          "all of a room answer": [{ to: ["r"] }, [0, 1, 2]],
          "rooms": [{ to: ["r", "s"] }, [0, 1, 2, 3]],
          "a room except another": [{ to: ["r", "s"], except: [clients[0].id, "s"] }, [1, 2]],
          "all except one": [{ except: ["mute"] }, [0, 1, 2, 3]],
          "a socket": [{ to: [clients[3].id] }, [3]],
          "no client": [{ to: ["nobody"] }, []],
        };
        for (const [name, [select, want]] of Object.entries(cases)) {
          const { error, answers } = await actor.emitWithAck({ ...select, timeout: 5000 }, "ask", name);
          assert.equal(error, undefined, name);
          assert.deepEqual(answers.toSorted((a, b) => a.i - b.i), want.map((i) => ({ i, value: name })));
        }

        const late = await actor.emitWithAck({ to: ["r", "mute"], timeout: 700 }, "ask", "q");
        assert.ok(late.error, "one client never answers");
        assert.deepEqual(late.answers.map(({ i }) => i).toSorted(), [0, 1, 2]);
        assert.ok(mute.connected);

        // What a client answers arrives as it is, and the first value alone counts.
        let answered;
        clients[3].on("value", (value, answer) => answer(...answered(value)));
        const answersOf = { ...values, "binary inside": [{ file: Buffer.from("bytes"), list: [Buffer.alloc(0), 2 ** 40, -1.5, null] }] };
        for (const [name, [first, ...more]] of Object.entries(answersOf).filter(([, { length }]) => length > 0)) {
          answered = (value) => [value, ...more];
          const { error, answers } = await actor.emitWithAck({ to: ["s"], timeout: 5000 }, "value", first);
          assert.deepEqual([error, answers], [undefined, [first]], name);
        }
        answered = () => [];
        const { error, answers } = await actor.emitWithAck({ to: ["s"], timeout: 5000 }, "value", 1);
        assert.deepEqual([error, answers.map((value) => value ?? null)], [undefined, [null]], "an answer of nothing");
      });

      test("fetchSockets", async (t) => {
        const { actor, other } = await begin(...route);
        const handshake = { auth: { token: token({ sub: "ada", name: "Ada" }), theme: "dark", list: [1, { a: null }] }, query: { page: "1" }, extraHeaders: { "X-Probe": "yes" } };
        const ada = await member(t, other, ["r", number(other, 8)], handshake);
        const eve = await member(t, other, ["s"]);
        const bob = await member(t, actor, [], { auth: { token: token({ sub: "bob" }) } });
        const memo = { text: "ü🎈", n: [1.5, -3, 2 ** 40, null], ...(sharded === undefined ? {} : { bytes: Buffer.from([0, 255]) }) };
        assert.equal(await ada.emitWithAck("remember", memo), "remembered");

        const cases = {
          "all": [{}, [ada, eve, bob]], "a room": [{ to: ["r"] }, [ada]], "rooms": [{ to: ["r", "s"] }, [ada, eve]], "all but a room": [{ except: ["r"] }, [bob, eve]],
          "rooms but one": [{ to: ["r", "s"], except: [eve.id] }, [ada]], "a socket": [{ to: [eve.id] }, [eve]], "a room that is a number": [{ to: [8] }, [ada]],
          "a room of nobody": [{ to: ["nobody"] }, []], "this server only": [{ local: true }, [bob]],
        };
        for (const [name, [select, want]] of Object.entries(cases)) {
          assert.deepEqual((await actor.fetchSockets(select)).map(({ id }) => id).toSorted(), want.map(({ id }) => id).toSorted(), name);
        }

        const [found] = await actor.fetchSockets({ to: ["r"] });
        const [original] = await other.fetchSockets({ to: ["r"], local: true });
        assert.deepEqual(found.rooms.map(String).filter((room) => !room.startsWith("user:")).toSorted(), [ada.id, "8", "r"].toSorted());
        assert.equal(found.data.decoded.sub, "ada");
        assert.equal(found.data.decoded.name, "Ada");
        assert.deepEqual(found.data.memo, memo);
        assert.equal(found.handshake.auth.theme, "dark");
        assert.deepEqual(found.handshake.auth.list, [1, { a: null }]);
        assert.equal(found.handshake.query.page, "1");
        assert.equal(found.handshake.headers["x-probe"], "yes");
        for (const key of ["time", "address", "xdomain", "secure", "issued", "url"]) assert.deepEqual(found.handshake[key], original.handshake[key], key);
        assert.equal(typeof found.handshake.issued, "number");
        if (direction === "Node.js to Go") assert.doesNotMatch(JSON.stringify(found), /eyJ/, "a token does not travel from a node of ours");
        else assert.equal(found.handshake.auth.token, handshake.auth.token);
      });

      test("serverSideEmit with acknowledgement", async (t) => {
        const { actor, other } = await begin(...route);
        assert.deepEqual(await actor.serverSideEmitWithAck({}, "ask", 42), { error: undefined, answers: [{ from: other.kind, asked: 42, nsp: "/" }] });
        const answers = [null, false, 0, "", "ü🎈", -(2 ** 40), 0.5, { a: [null] }, []];
        if (sharded !== undefined) answers.push(Buffer.from("binary"), { inside: [Buffer.from([0, 255])] });
        for (const value of answers) {
          assert.deepEqual(await actor.serverSideEmitWithAck({}, "echo", value), { error: undefined, answers: [value] });
        }
        const nothing = await actor.serverSideEmitWithAck({}, "nothing");
        assert.deepEqual([nothing.error, nothing.answers.map((value) => value ?? null)], [undefined, [null]]);
      });

      test("a second prefix on the same Redis hears nothing", async (t) => {
        const { redis, actor, other } = await begin(...route);
        const foreign = other.kind === "node"
          ? await startNodePeer(t, redis, { sharded, streams, prefix: "socket.io-2" })
          : await startGoPeer(t, redis, { ...goSettings(sharded, streams), CHORUS_CLUSTER_REDIS_PREFIX: "socket.io-2" });
        await countServers([foreign], 1);
        const client = await member(t, foreign, ["r"]);
        await actor.emit({}, "hello", "all");
        await actor.emit({ to: ["r"] }, "hello", "room");
        await actor.socketsJoin({}, ["x"]);
        await actor.disconnectSockets({ to: ["r"] }, false);
        await actor.serverSideEmit({}, "note", 1);
        assert.deepEqual((await actor.emitWithAck({ timeout: 5000 }, "hello", "acknowledge")), { error: undefined, answers: [] });
        assert.equal((await actor.serverSideEmitWithAck({}, "ask", 1)).answers.length, 1);
        assert.equal((await actor.fetchSockets({})).length, 0); // behind it, all of that has been published
        assert.equal(await actor.serverCount(), 2);
        assert.deepEqual(await heard(foreign, client), []);
        assert.deepEqual(foreign.notes, { "/": [], "/chat": [] });
        assert.equal(await roomsOf(foreign, client), "r");
      });
    });
  }

  test("values that JavaScript alone has arrive as at another Node.js server", async (t) => {
    const { redis, actor, other } = await begin("node", "go");
    const reference = await startNodePeer(t, redis, { sharded, streams });
    await countServers([actor, other, reference], 3);
    const [client, want] = [await member(t, other), await member(t, reference)];
    for (const [name, args] of Object.entries(strangeValues)) {
      await actor.emit({}, "hello", ...args);
      assert.deepEqual(await client.inbox.count(1), await want.inbox.count(1), name);
      for (const { inbox } of [client, want]) inbox.items.length = 0;
    }
  });

  if (sharded === undefined) {
    test("answers on the asker's own channel", async (t) => {
      const { go, node } = await startCluster(t, sharded, streams, { ownResponses: true });
      const ada = await member(t, node);
      ada.on("ask", (answer) => answer("ada"));
      assert.deepEqual((await go.fetchSockets({})).map(({ id }) => id), [ada.id]);
      assert.equal((await go.serverSideEmitWithAck({}, "ask", 1)).answers.length, 1);
      assert.deepEqual(await go.emitWithAck({ timeout: 5000 }, "ask"), { error: undefined, answers: ["ada"] });
      assert.deepEqual((await node.fetchSockets({})).map(({ id }) => id), [ada.id]);
    });

    test("allRooms", async (t) => {
      const { actor, other } = await begin("node", "go");
      const [ada, bob] = [await member(t, other, ["r", "ü#🎈"]), await member(t, actor, ["r", "s"])];
      assert.deepEqual((await actor.allRooms()).filter((room) => !String(room).startsWith("user:")).toSorted(), [ada.id, bob.id, "r", "s", "ü#🎈"].toSorted());
    });
  }

  test("the handshake of a socket is the same on its node, on another one, and on a Node.js server", async (t) => {
    const { redis, actor: go, other: node } = await begin("go", "node");
    const second = await startGoPeer(t, redis, goSettings(sharded, streams));
    await countServers([go, node, second], 3);
    const options = { auth: { theme: "dark" }, query: { e: "f", empty: "" }, extraHeaders: { "X-Test": "yes", "X-LIST": "a, b" } };
    const clients = [];
    for (const peer of [go, node]) clients.push(await member(t, peer, [], { ...options, auth: { token: token(), ...options.auth } }));
    const handshakeOf = async (peer, { id }) => (await peer.fetchSockets({})).find((socket) => socket.id === id).handshake;
    const [own, reference] = [await handshakeOf(go, clients[0]), await handshakeOf(node, clients[1])];
    assert.deepEqual(await handshakeOf(second, clients[0]), own);
    assert.deepEqual(await handshakeOf(node, clients[0]), own);
    assert.equal(own.query.e, "f");
    assert.deepEqual({ ...own.query, t: undefined }, { ...reference.query, t: undefined });
    assert.deepEqual(Object.keys(own.headers).toSorted(), Object.keys(reference.headers).toSorted());
    for (const name of Object.keys(reference.headers).filter((name) => !["host", "sec-websocket-key"].includes(name))) assert.equal(own.headers[name], reference.headers[name], name);
    assert.equal(own.headers["x-test"], "yes");
    assert.equal(own.headers["x-list"], "a, b");
    assert.equal(own.address, reference.address);
    assert.equal(own.address, "127.0.0.1");
    assert.deepEqual(own.auth, options.auth); // without the token
    for (const key of ["xdomain", "secure"]) assert.equal(own[key], reference[key], key);
    assert.deepEqual(Object.keys(own).toSorted(), Object.keys(reference).toSorted());
    assert.match(own.url, /^\/socket\.io\/\?e=f&empty=&EIO=4&transport=websocket/);
  });

  test("servers that do not answer, and are killed in the middle of requests", async (t) => {
    const { redis, actor: go, other: node } = await begin("go", "node");
    const victims = [await startGoPeer(t, redis, goSettings(sharded, streams)), await startNodeProcess(t, redis, { sharded, streams })];
    await countServers([go, node], 4);
    const ada = await member(t, node);
    const own = await member(t, go);
    for (const [i, client] of [ada, own].entries()) client.on("ask", (answer) => answer(i));
    for (const victim of victims) (await member(t, victim)).on("ask", (answer) => answer("late"));

    let requests = 0;
    await watchRequests(t, redis, { sharded, ...streams }, () => requests++);

    for (const { program } of victims) await program.halt(); // Redis counts it, and it does not answer
    const asked = [go, node].flatMap((peer) => [
      peer.fetchSockets({}), peer.serverSideEmitWithAck({}, "ask", 1), peer.emitWithAck({ timeout: REQUEST_TIMEOUT_MS }, "ask"), peer.serverSideEmitWithAck({}, "silent", 42),
    ]);
    const outcomes = Promise.allSettled(asked);
    await until(() => requests === asked.length, "the requests on Redis");
    for (const { program } of victims) program.signalled("SIGKILL");
    for (const [peer, [fetched, answered, acknowledged, silent]] of pairs(await outcomes, asked.length / 2).map((part, i) => [[go, node][i], part])) {
      // A server of ours counts the servers that are left, and may be done when all of them have answered.
      if (peer === node || fetched.status === "rejected") assert.match(String(fetched.reason), /timeout|in time/);
      else assert.deepEqual(fetched.value.map(({ id }) => id).toSorted(), [ada.id, own.id].toSorted());
      if (peer === node || answered.value.error !== undefined) assert.match(String(answered.value.error), /timeout|in time/);
      assert.equal(answered.value.answers.length, 1, "the answer of the one that lives");
      assert.ok(acknowledged.value.error);
      assert.deepEqual(acknowledged.value.answers.toSorted(), [0, 1], "the answers of the clients of those that live");
      assert.match(String(silent.value.error), /timeout|in time/);
      assert.deepEqual(silent.value.answers, []);
    }

    await countServers([go, node], 2); // when Redis has noticed
    for (const peer of [go, node]) {
      assert.deepEqual((await peer.fetchSockets({})).map(({ id }) => id).toSorted(), [ada.id, own.id].toSorted());
      assert.deepEqual((await peer.emitWithAck({ timeout: 5000 }, "ask")).answers.toSorted(), [0, 1]);
      await peer.emit({}, "hello", "on we go");
      assert.deepEqual(await heard(peer, ada), [["on we go"]]);
      assert.deepEqual((await heard(peer, own)).at(-1), ["on we go"]);
    }
  });

  test("malformed messages on every channel and stream", async (t) => {
    const redis = await startRedis(t); // of a node of ours alone: see README.md about Node.js
    const go = await startGoPeer(t, redis, goSettings(sharded, streams));
    await countServers([go], 1);
    const client = await member(t, go, ["r"]);
    const count = streams?.streamCount ?? 1;
    const names = Array.from({ length: sharded === "streams" ? count : 0 }, (_, i) => (count === 1 ? "socket.io" : `socket.io-${i}`));
    const sent = await publishMalformed(t, redis, names);
    assert.ok(sent.channels >= 4, `${sent.channels} channels: in each of two namespaces, for all and for one server`);

    const node = await startNodePeer(t, redis, { sharded, streams });
    await countServers([go, node], 2);
    const other = await member(t, node, ["r"]);
    assert.deepEqual((await node.fetchSockets({ to: ["r"] })).map(({ id }) => id).toSorted(), [client.id, other.id].toSorted());
    assert.equal((await go.serverSideEmitWithAck({}, "ask", 1)).answers.length, 1);
    // What JavaScript takes for what it stands for, such as a text as the list of rooms, is delivered, and nothing else.
    const loose = sharded === undefined ? sent.broadcasts : sent.frames;
    assert.deepEqual([...new Set((await heard(node, client)).map(([text]) => text))].toSorted(), loose);
    await node.emit({ to: ["r"] }, "hello", "on we go");
    assert.deepEqual(await heard(node, client), [["on we go"]]);
    await go.emit({ to: ["r"] }, "hello", "both ways");
    assert.deepEqual((await heard(go, other)).at(-1), ["both ways"]);
    assert.equal(await roomsOf(go, client), "r");
    assert.deepEqual(go.notes["/"], []);
    const metrics = await (await fetch(`${go.admin}/metrics`)).text();
    assert.ok(Number(metrics.match(/^chorus_redis_malformed_total (\d+)$/m)[1]) > sent.payloads, "they are counted");
  });
}

function pairs(list, size) {
  return [list.slice(0, size), list.slice(size)];
}
