import type { ChorusSocket } from "chorus-kit";
import { createRoot } from "react-dom/client";
import { io } from "socket.io-client";
import { Chat } from "./chat";

const query = new URLSearchParams(location.search);
const socket: ChorusSocket = io(query.get("node") ?? "http://localhost:3000", { auth: { token: query.get("token") } });
const me = { id: query.get("user") ?? "alice" }; // the token's sub

createRoot(document.querySelector("#app")!).render(<Chat socket={socket} name={query.get("room") ?? "lobby"} me={me} />);
