// Clients that are nothing but bytes, many at a time.
import { once } from "node:events";
import { connect } from "node:net";
import { WebSocket } from "ws";
import { cleanup } from "../harness/cleanup.js";
import { token } from "../harness/token.js";
import { within } from "../harness/wait.js";

export const range = (count) => Array.from({ length: count }, (_, n) => n);

// inParallel does something for each number below count, so many at a time.
export async function inParallel(count, width, act) {
  let next = 0;
  await Promise.all(range(Math.min(width, count)).map(async () => {
    while (next < count) await act(next++);
  }));
}

// session returns a WebSocket with an Engine.IO session that is in no namespace.
export async function session(t, url, { compressed = false } = {}) {
  const socket = new WebSocket(`${url.replace("http", "ws")}/socket.io/?EIO=4&transport=websocket`, { perMessageDeflate: compressed });
  socket.on("error", () => {});
  socket.on("message", (data) => String(data) === "2" && socket.send("3"));
  cleanup(t, () => socket.terminate());
  await within(Promise.race([once(socket, "message"), once(socket, "close").then(() => {
    throw new Error("the session was refused");
  })]), "a session");
  return socket;
}

// member returns a WebSocket that has joined the main namespace.
export async function member(t, url, { compressed, ...claims } = {}) {
  const socket = await session(t, url, { compressed });
  socket.send(`40${JSON.stringify({ token: token(claims) })}`);
  const [answer] = await within(once(socket, "message"), "an answer to CONNECT");
  if (!String(answer).startsWith("40")) throw new Error(`refused: ${answer}`);
  return socket;
}

// sent sends and waits until the bytes have left; what cannot leave is no error.
export const sent = (socket, data) => new Promise((resolve) => socket.send(data, () => resolve()));

// dial returns a TCP connection to a node.
export async function dial(t, url) {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on("error", () => {});
  socket.ended = new Promise((resolve) => socket.once("close", resolve));
  cleanup(t, () => socket.destroy());
  await Promise.race([once(socket, "connect").catch(() => {}), socket.ended]);
  return socket;
}

// frames returns so many text frames of a client, masked with zeros, in one piece (RFC 6455 section 5.2).
export function frames(text, count) {
  if (text.length > 125) throw new Error("a short frame has at most 125 bytes");
  return Buffer.concat(range(count).map(() => Buffer.concat([Buffer.from([0x81, 0x80 | text.length, 0, 0, 0, 0]), Buffer.from(text)])));
}

let requests = 0;

// ask sends a request over a WebSocket that has joined the main namespace, and returns its acknowledgement.
export async function ask(socket, request) {
  const id = ++requests;
  const answer = new Promise((resolve, reject) => {
    const hear = (data) => {
      const text = String(data);
      if (!text.startsWith(`43${id}[`)) return;
      socket.off("message", hear);
      resolve(JSON.parse(text.slice(`43${id}`.length))[0]);
    };
    socket.on("message", hear);
    socket.once("close", () => reject(new Error("the connection has ended")));
  });
  answer.catch(() => {}); // it is awaited below
  socket.send(`42${id}${JSON.stringify(request)}`);
  return within(answer, `the answer to ${request[0]}`);
}
