// Two servers of one cluster with the same methods: a Node.js server with the official adapter, in
// this process, and a node of ours, in a process of its own. Tests of what servers do for each
// other are written once and run in both directions.
import { once } from "node:events";
import { createServer } from "node:http";
import { fileURLToPath } from "node:url";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { Emitter } from "@socket.io/redis-emitter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import jwt from "jsonwebtoken";
import { createClient } from "redis";
import { Server } from "socket.io";
import { addresses, environment } from "./chorus.js";
import { cleanup } from "./cleanup.js";
import { run } from "./program.js";
import { SECRET } from "./token.js";
import { within } from "./wait.js";

const CROWD = fileURLToPath(new URL("./nodeserver.js", import.meta.url));
const PEER = process.env.CHORUS_PEER ?? fileURLToPath(new URL("../../bin/chorus-test-peer", import.meta.url));
export const REQUEST_TIMEOUT_MS = 1500; // of both, for requests that somebody does not answer

// What a server has of the events of other servers, by namespace.
const noNotes = () => ({ "/": [], "/chat": [] });

// A target selects sockets: {nsp, to: [rooms], except: [rooms], volatile, local, compress, timeout (ms)}.

class NodePeer {
  kind = "node";
  notes = noNotes();

  namespace({ nsp = "/" }) {
    return this.io.of(nsp);
  }

  target(select) {
    let target = this.namespace(select).to(select.to ?? []).except(select.except ?? []);
    if (select.volatile) target = target.volatile;
    if (select.local) target = target.local;
    if (select.compress !== undefined) target = target.compress(select.compress);
    if (select.timeout) target = target.timeout(select.timeout);
    return target;
  }

  async emit(select, event, ...args) {
    this.target(select).emit(event, ...args);
  }

  // emitWithAck returns {answers, error}: those who answer in time, and whether somebody did not.
  emitWithAck(select, event, ...args) {
    return new Promise((resolve) => {
      this.target(select).emit(event, ...args, (error, answers) => resolve({ answers, error: error ?? undefined }));
    });
  }

  async fetchSockets(select) {
    const sockets = await this.target(select).fetchSockets();
    return sockets.map(({ id, rooms, data, handshake }) => ({ id, rooms: [...rooms], data, handshake }));
  }

  async socketsJoin(select, rooms) {
    this.target(select).socketsJoin(rooms);
  }

  async socketsLeave(select, rooms) {
    this.target(select).socketsLeave(rooms);
  }

  async disconnectSockets(select, close) {
    this.target(select).disconnectSockets(close);
  }

  async serverSideEmit(select, event, ...args) {
    this.namespace(select).serverSideEmit(event, ...args);
  }

  serverSideEmitWithAck(select, event, ...args) {
    return new Promise((resolve) => {
      this.namespace(select).serverSideEmit(event, ...args, (error, answers) => resolve({ answers, error: error ?? undefined }));
    });
  }

  serverCount(select = {}) {
    return this.namespace(select).adapter.serverCount();
  }

  // allRooms of the cluster, which the classic adapter alone can say.
  async allRooms() {
    return [...await this.io.of("/").adapter.allRooms()];
  }
}

// NodeEmitter has the methods of a server that @socket.io/redis-emitter has, too.
export class NodeEmitter {
  constructor(client) {
    this.emitter = new Emitter(client);
  }

  target({ nsp = "/", to, except, volatile, compress }) {
    let target = this.emitter.of(nsp);
    if (to) target = to.length === 1 ? target.to(to[0]) : target.in(to);
    if (except) target = target.except(except.length === 1 ? except[0] : except);
    if (volatile) target = target.volatile;
    return compress === undefined ? target : target.compress(compress);
  }

  async emit(select, event, ...args) {
    this.target(select).emit(event, ...args);
  }

  async socketsJoin(select, rooms) {
    this.target(select).socketsJoin(rooms.length === 1 ? rooms[0] : rooms);
  }

  async socketsLeave(select, rooms) {
    this.target(select).socketsLeave(rooms.length === 1 ? rooms[0] : rooms);
  }

  async disconnectSockets(select, close) {
    this.target(select).disconnectSockets(...(close ? [close] : []));
  }

  async serverSideEmit({ nsp = "/" }, event, ...args) {
    this.emitter.of(nsp).serverSideEmit(event, ...args);
  }
}

// startNodeEmitter returns one with a connection of its own.
export async function startNodeEmitter(t, redis) {
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.close());
  return new NodeEmitter(client);
}

// GoEmitter is package adapter/emitter in the process of a node.
export class GoEmitter {
  constructor(peer) {
    for (const call of ["emit", "socketsJoin", "socketsLeave", "disconnectSockets", "serverSideEmit"]) {
      this[call] = (select, ...args) => peer[call]({ ...select, emitter: true }, ...args);
    }
  }
}

// startNodePeer returns a Node.js server, with the classic adapter, the one with "streams" or the sharded one
// in a mode. It lets clients in with the same tokens as ours.
export async function startNodePeer(t, redis, { prefix = "socket.io", ownResponses = false, sharded, streams = {}, options = {} } = {}) {
  const clients = [createClient({ url: redis.url }), createClient({ url: redis.url })];
  for (const client of clients) client.on("error", () => {}); // an outage is the test's own
  await Promise.all(clients.map((client) => client.connect()));
  const http = createServer().listen(0, "127.0.0.1");
  await once(http, "listening");

  const peer = new NodePeer();
  peer.io = new Server(http, {
    ...options,
    adapter: sharded === "streams"
      ? createStreamsAdapter(clients[0], { streamName: prefix, channelPrefix: prefix, ...streams })
      : sharded
      ? createShardedAdapter(...clients, { channelPrefix: prefix, subscriptionMode: sharded })
      : createAdapter(...clients, { key: prefix, requestsTimeout: REQUEST_TIMEOUT_MS, publishOnSpecificResponseChannel: ownResponses }),
  });
  peer.url = `http://127.0.0.1:${http.address().port}`;
  for (const name of ["/", "/chat"]) {
    const nsp = peer.io.of(name);
    nsp.use((socket, next) => {
      try {
        socket.data.decoded = jwt.verify(socket.handshake.auth.token, SECRET, { algorithms: ["HS256"] });
        next();
      } catch {
        next(new Error("Authentication error"));
      }
    });
    nsp.on("connection", (socket) => {
      socket.on("enter", (rooms, done) => {
        socket.join(rooms);
        done("entered");
      });
      socket.on("remember", (memo, done) => {
        socket.data.memo = memo;
        done("remembered");
      });
    });
    nsp.on("ask", (asked, done) => done({ from: "node", asked, nsp: name }));
    nsp.on("echo", (asked, done) => done(asked));
    nsp.on("nothing", (done) => done());
    nsp.on("silent", () => {});
    nsp.on("note", (...args) => peer.notes[name].push(args));
  }
  cleanup(t, async () => {
    await peer.io.close();
    for (const client of clients) await (client.isReady ? client.close() : client.destroy());
  });
  return peer;
}

// startNodeProcess starts a Node.js server that can be killed, in a process of its own.
export async function startNodeProcess(t, redis, options) {
  const program = run(t, process.execPath, [CROWD], { REDIS_URL: redis.url, OPTIONS: JSON.stringify(options) });
  const url = await program.line((line) => line.match(/^http:.*/)?.[0], "listening");
  return { program, url };
}

class GoPeer {
  kind = "go";
  notes = noNotes();
  #calls = new Map();
  #id = 0;

  constructor(program) {
    this.program = program;
    program.on("stdout", (line) => {
      const answer = JSON.parse(line);
      if (answer.note) this.notes[answer.nsp].push(fromWire(answer.note));
      else this.#calls.get(answer.id)?.(answer);
    });
  }

  async call(op, { nsp = "/", to = [], except = [], ...flags }, rest) {
    const id = ++this.#id;
    const answer = new Promise((resolve) => this.#calls.set(id, resolve));
    this.program.child.stdin.write(`${JSON.stringify(toWire({ id, op, nsp, to: to.map(String), not: except.map(String), flags, ...rest }))}\n`);
    return within(answer, `the node's ${op}`);
  }

  async done(op, select, rest) {
    const { error, result } = await this.call(op, select, rest);
    if (error) throw new Error(error);
    return fromWire(result);
  }

  async answers(op, select, rest) {
    const { error, result } = await this.call(op, select, rest);
    return { error, answers: fromWire(result) };
  }

  emit(select, event, ...args) {
    return this.done("emit", select, { event, args });
  }

  emitWithAck(select, event, ...args) {
    return this.answers("emitWithAck", select, { event, args });
  }

  fetchSockets(select) {
    return this.done("fetchSockets", select);
  }

  socketsJoin(select, rooms) {
    return this.done("socketsJoin", select, { rooms: rooms.map(String) });
  }

  socketsLeave(select, rooms) {
    return this.done("socketsLeave", select, { rooms: rooms.map(String) });
  }

  disconnectSockets(select, close) {
    return this.done("disconnectSockets", select, { close });
  }

  serverSideEmit(select, event, ...args) {
    return this.done("serverSideEmit", select, { event, args });
  }

  serverSideEmitWithAck(select, event, ...args) {
    return this.answers("serverSideEmitWithAck", select, { event, args });
  }

  serverCount(select = {}) {
    return this.done("serverCount", select);
  }
}

// startGoPeer returns a node of ours.
export async function startGoPeer(t, redis, settings) {
  const program = run(t, PEER, [], environment(redis, { CHORUS_CLUSTER_REQUEST_TIMEOUT: `${REQUEST_TIMEOUT_MS}ms`, ...settings }));
  return Object.assign(new GoPeer(program), await addresses(program));
}

// Bytes travel to and from the program as {"$binary": base64}, and times to it as {"$time": text}.

function toWire(value) {
  if (value instanceof Date) return { $time: value.toISOString() };
  if (Buffer.isBuffer(value)) return { $binary: value.toString("base64") };
  if (Array.isArray(value)) return value.map(toWire);
  if (value && typeof value === "object") return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, toWire(item)]));
  return value;
}

function fromWire(value) {
  if (Array.isArray(value)) return value.map(fromWire);
  if (value && typeof value === "object") {
    if (typeof value.$binary === "string") return Buffer.from(value.$binary, "base64");
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromWire(item)]));
  }
  return value;
}
