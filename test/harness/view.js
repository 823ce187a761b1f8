// A client's view of a room, kept by what it hears and by what join and history answer. It comes back with its last cursor.
import { createHash } from "node:crypto";
import { io } from "socket.io-client";
import { cleanup } from "./cleanup.js";
import { token } from "./token.js";
import { until } from "./wait.js";

export class View {
  constructor(t, room, sub, nodes, claims = {}) {
    Object.assign(this, { room, sub, nodes, claims, messages: new Map(), joined: false, ended: false, gaps: 0 });
    cleanup(t, () => this.end());
    this.connect();
  }

  connect() {
    const node = this.nodes[Math.floor(Math.random() * this.nodes.length)];
    const auth = { token: token({ sub: this.sub, ...this.claims }) };
    const socket = io(node.url, { forceNew: true, reconnection: false, transports: ["websocket"], timeout: 2000, auth });
    this.socket = socket;
    const again = () => {
      this.joined = false;
      if (this.socket === socket && !this.ended) setTimeout(() => this.socket === socket && !this.ended && this.connect(), 20 + Math.random() * 100);
    };
    socket.on("connect", () => this.join());
    socket.on("connect_error", again);
    socket.on("disconnect", again);
    const hear = (event, take) => socket.on(event, (room, ...rest) => this.socket === socket && room === this.room && take(...rest));
    hear("publish", (value, { id, seq, cursor }) => this.put({ id, seq, value }, cursor));
    hear("edited", (value, { id, seq, version, cursor, reactions }) => {
      const known = this.messages.get(id);
      this.put({ reactions: known?.reactions, ...(reactions ? { reactions } : {}), id, seq, value, version }, cursor);
    });
    hear("deleted", ({ id, seq, cursor, purged, user, all }) => {
      if (!purged) this.put({ id, seq, deleted: true }, cursor);
      else if (all) this.messages.clear();
      else if (id) this.messages.delete(id);
      else for (const [key, { by }] of this.messages) if (by === user) this.messages.delete(key);
      this.cursor = cursor;
    });
    hear("reacted", (list) => {
      for (const { id, key, count, cursor } of list) {
        const known = this.messages.get(id);
        if (known && !known.deleted) {
          known.reactions = { ...known.reactions, [key]: { count } };
          if (count === 0) delete known.reactions[key];
        }
        this.cursor = cursor;
      }
    });
    hear("appended", ({ id, seq, offset, text, cursor }) => {
      const known = this.messages.get(id);
      const before = known?.value ?? "";
      if (offset > before.length) this.gaps++;
      this.put({ reactions: known?.reactions, id, seq, value: before.slice(0, offset) + text }, cursor);
    });
  }

  put(message, cursor) {
    this.messages.set(message.id, message);
    if (cursor) this.cursor = cursor;
  }

  // take puts messages of lists in.
  take(list) {
    for (const { id, seq, value, version, deleted, purged, reactions } of list) {
      if (purged) this.messages.delete(id);
      else this.put({ id, seq, value, version, deleted, reactions });
    }
  }

  // join takes the answer in the callback: an event that comes right behind it is handled before what awaits a promise.
  join() {
    const { socket } = this;
    const ask = (request, take) => socket.timeout(5000).emit(...request, (error, answer) => {
      if (this.socket !== socket) return;
      if (error || !answer.ok) socket.disconnect();
      else take(answer);
    });
    ask(["join", this.room, this.cursor ? { since: this.cursor, history: 200 } : { history: 200 }], (answer) => {
      if (answer.missed) this.messages.clear();
      this.take(answer.messages ?? []);
      this.take(answer.changes ?? []);
      this.cursor = answer.cursor;
      const rest = (after) => ask(["history", this.room, { after, limit: 200 }], (page) => {
        for (const message of page.messages) if (!this.messages.has(message.id)) this.take([message]);
        if (page.more) rest(page.last);
        else this.joined = true;
      });
      if (answer.more) rest(answer.cursor);
      else this.joined = true;
    });
  }

  // drop breaks the connection.
  drop() {
    this.socket.io.engine?.close();
  }

  end() {
    this.ended = true;
    this.socket.disconnect();
  }

  // state is what the view shows.
  state() {
    return [...this.messages.values()].sort((a, b) => a.seq - b.seq).map(({ id, seq, value, version = 1, deleted, reactions = {} }) => [
      id, seq, deleted ? null : value, deleted ? 0 : version, Object.entries(deleted ? {} : reactions).map(([key, { count }]) => `${key}=${count}`).sort(),
    ]);
  }

  hash() {
    return createHash("sha256").update(JSON.stringify(this.state())).digest("hex");
  }
}

// settled waits until views have the same state.
export async function settled(views) {
  await until(() => views.every(({ joined }) => joined), "all are back", 30_000);
  await until(() => new Set(views.map((view) => view.hash())).size === 1, "all see the same", 15_000).catch(() => {});
}
