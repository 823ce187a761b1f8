// Official clients.
import { io } from "socket.io-client";
import { cleanup } from "./cleanup.js";
import { token } from "./token.js";
import { within } from "./wait.js";

// open returns a client that connects, on its own connection, with a good token unless told otherwise.
export function open(t, url, options = {}) {
  const socket = io(url, { forceNew: true, reconnection: false, transports: ["websocket"], auth: { token: token() }, ...options });
  cleanup(t, () => socket.disconnect());
  return socket;
}

export function connected(socket) {
  const outcome = new Promise((resolve, reject) => {
    socket.once("connect", () => resolve(socket));
    socket.once("connect_error", (err) => reject(err));
  });
  return socket.connected ? socket : within(outcome, "connect");
}

// join returns a client that is connected.
export function join(t, url, options) {
  return connected(open(t, url, options));
}

// refusal returns the error with which a client is refused; a client that gets in is an error.
export function refusal(socket) {
  return within(new Promise((resolve, reject) => {
    socket.once("connect", () => reject(new Error("the client was let in")));
    socket.once("connect_error", resolve);
  }), "connect_error");
}

// Inbox keeps what a client hears.
export class Inbox {
  constructor(socket, ...events) {
    this.items = [];
    this.wake = () => {};
    for (const event of events) {
      socket.on(event, (...args) => {
        this.items.push(args);
        this.wake();
      });
    }
  }

  // until returns what was heard, as soon as done says that it is enough.
  async until(done, what) {
    while (!done(this.items)) {
      await within(new Promise((resolve) => (this.wake = resolve)), `${what}; heard ${JSON.stringify(this.items.slice(-3))}`);
    }
    return this.items;
  }

  count(n) {
    return this.until((items) => items.length >= n, `${n} events (${this.items.length} now)`);
  }
}
