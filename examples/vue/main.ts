import type { ChorusSocket } from "chorus-kit";
import { io } from "socket.io-client";
import { createApp } from "vue";
import Chat from "./Chat.vue";

const query = new URLSearchParams(location.search);
const socket: ChorusSocket = io(query.get("node") ?? "http://localhost:3000", { auth: { token: query.get("token") } });
const me = { id: query.get("user") ?? "alice" }; // the token's sub

createApp(Chat, { socket, name: query.get("room") ?? "lobby", me }).mount("#app");
