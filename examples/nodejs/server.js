// A Node.js server in the cluster. Its clients and those of the nodes share rooms, and hear the same events.
import { createServer } from "node:http";
import { createAdapter } from "@socket.io/redis-adapter";
import jwt from "jsonwebtoken";
import { createClient } from "redis";
import { Server } from "socket.io";

const { CHORUS_AUTH_SECRET: secret, REDIS_URL = "redis://127.0.0.1:6379", PORT = "4001" } = process.env;
if (!secret) throw new Error("set CHORUS_AUTH_SECRET to that of the nodes");

const publisher = createClient({ url: REDIS_URL });
const subscriber = publisher.duplicate();
for (const client of [publisher, subscriber]) client.on("error", (err) => console.error(err.message));
await Promise.all([publisher.connect(), subscriber.connect()]);

const server = createServer();
const io = new Server(server, { adapter: createAdapter(publisher, subscriber) });

// The nodes check only their own clients. This server checks the same tokens, and the right to join.
io.use((socket, next) => {
  try {
    const { sub, chorus } = jwt.verify(socket.handshake.auth.token, secret, { algorithms: ["HS256"] });
    Object.assign(socket.data, { user: sub, rooms: chorus?.rooms?.join ?? [] });
    next();
  } catch {
    next(Object.assign(new Error("invalid_token"), { data: { code: "invalid_token" } }));
  }
});

io.on("connection", (socket) => {
  const permitted = (room) => socket.data.rooms.includes(room);

  // From here on the client hears what clients of the nodes publish in the room.
  socket.on("watch", async (room, reply) => {
    if (!permitted(room)) return reply({ ok: false, error: { code: "forbidden", message: "the token does not permit it" } });
    await socket.join(room);
    const everybody = await io.in(room).fetchSockets(); // of all servers
    reply({ ok: true, sockets: everybody.length });
  });

  // Clients of the nodes hear it, too. It is no message of the chat: it has no seq and is not in the history.
  socket.on("order", (room, item, reply) => {
    if (!permitted(room)) return reply({ ok: false, error: { code: "forbidden", message: "the token does not permit it" } });
    io.to(room).emit("order", { user: socket.data.user, item });
    reply({ ok: true });
  });
});

server.listen(Number(PORT), "127.0.0.1", () => console.log(`http://127.0.0.1:${server.address().port}`));
