import { io } from "socket.io-client";
const socket = io("http://localhost:3000", { auth: { token: process.env.TOKEN } });
socket.on("publish", (room, value, meta) => console.log(room, meta.from.id, value));
await socket.emitWithAck("join", "lobby");
await socket.emitWithAck("publish", "lobby", { text: "hello, lobby" });
