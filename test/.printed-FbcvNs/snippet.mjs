const token = "none";
import { io } from "socket.io-client";

const socket = io("http://localhost:3000", { auth: { token } });
socket.on("connect", () => console.log("connected"));
socket.on("connect_error", (err) => console.log(err.message, err.data)); // Authentication error {code, reason}
socket.on("message", (message) => console.log("received", message));
socket.emit("message", { text: "hello, everybody" }, (answer) => {
  if (!answer.ok) console.log(answer.error.code, answer.error.message);
});
