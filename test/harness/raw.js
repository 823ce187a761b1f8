// A client that is nothing but the frames of a WebSocket: what it sends and hears is compared as text.
import { WebSocket } from "ws";
import { cleanup } from "./cleanup.js";
import { token } from "./token.js";
import { within } from "./wait.js";

class RawClient {
  frames = [];
  #wake = () => {};

  constructor(socket) {
    this.socket = socket;
    socket.on("message", (data, isBinary) => {
      const frame = isBinary ? data : data.toString();
      if (frame === "2") socket.send("3"); // the heartbeat
      else this.frames.push(frame);
      this.#wake();
    });
    socket.on("close", () => this.#wake());
  }

  send(frame) {
    this.socket.send(frame);
  }

  // next takes the next frame.
  async next() {
    while (this.frames.length === 0) {
      if (this.socket.readyState !== WebSocket.OPEN) throw new Error("the connection is closed");
      await within(new Promise((resolve) => (this.#wake = resolve)), "a frame");
    }
    return this.frames.shift();
  }
}

// joinRaw returns a client of the main namespace.
export async function joinRaw(t, url) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`);
  const client = new RawClient(socket);
  cleanup(t, () => socket.terminate());
  await within(new Promise((resolve, reject) => socket.once("open", resolve).once("error", reject)), "open");
  await client.next(); // the session
  client.send(`40${JSON.stringify({ token: token() })}`);
  const answer = await client.next();
  if (!answer.startsWith("40")) throw new Error(`not let in: ${answer}`);
  return client;
}
