// A server made of socket.io and one of its Redis adapters, as their documentation says.
import { createServer } from "node:http";
import { parseArgs } from "node:util";
import { createAdapter, createShardedAdapter } from "@socket.io/redis-adapter";
import { createAdapter as createStreamsAdapter } from "@socket.io/redis-streams-adapter";
import jwt from "jsonwebtoken";
import { createClient } from "redis";
import { Server } from "socket.io";

const { values: flags } = parseArgs({
  options: {
    listen: { type: "string", default: "127.0.0.1:0" },
    redis: { type: "string" },
    deflate: { type: "boolean", default: false },
    adapter: { type: "string", default: "pubsub" },
    secret: { type: "string", default: process.env.BENCH_SECRET },
  },
});

const http = createServer();
const io = new Server(http, { serveClient: false, perMessageDeflate: flags.deflate });

if (flags.redis) {
  const publisher = createClient({ url: `redis://${flags.redis}` });
  const subscriber = publisher.duplicate();
  for (const client of [publisher, subscriber]) {
    client.on("error", (err) => console.error(err));
    await client.connect();
  }
  io.adapter({
    pubsub: () => createAdapter(publisher, subscriber),
    sharded: () => createShardedAdapter(publisher, subscriber),
    streams: () => createStreamsAdapter(publisher),
  }[flags.adapter]());
}

io.use((socket, next) => {
  try {
    socket.data.sub = jwt.verify(socket.handshake.auth.token, flags.secret, { algorithms: ["HS256"] }).sub;
    next();
  } catch {
    next(new Error("Authentication error"));
  }
});

io.on("connection", (socket) => {
  socket.on("message", (value) => io.emit("message", value));
  socket.on("join", (room) => socket.join(room));
  socket.on("publish", (room, value) => io.to(room).emit("publish", room, value));
  socket.on("echo", (value, answer) => answer(value));
});

const [host, port] = flags.listen.split(":");
http.listen(Number(port), host, () => console.log("listening", `${host}:${http.address().port}`));
for (const signal of ["SIGINT", "SIGTERM"]) process.on(signal, () => process.exit());
