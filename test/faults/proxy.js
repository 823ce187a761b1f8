// A TCP proxy between a node and Redis that can do what networks do.
import { once } from "node:events";
import { connect, createServer } from "node:net";
import { cleanup } from "../harness/cleanup.js";

// Proxy passes bytes on. These fields change what it does, at any time:
class Proxy {
  delay = 0; // ms that all bytes take, each way
  accepts = true; // false: new connections are closed at once
  answers; // bytes that each command of a node gets instead of Redis' answer
  swallow = false; // true: nothing passes, and no connection ends
  #pairs = new Set();

  constructor(port) {
    this.server = createServer((client) => this.#join(client, connect(port, "127.0.0.1")));
  }

  get url() {
    return `redis://127.0.0.1:${this.server.address().port}`;
  }

  // cut ends every connection.
  cut() {
    for (const { client, redis } of this.#pairs) {
      client.destroy();
      redis.destroy();
    }
  }

  // deafen makes the present connections half-open: nothing comes back from Redis any more. With a
  // pattern only those whose commands match it.
  deafen(pattern = /./s) {
    const chosen = [...this.#pairs].filter(({ commands }) => pattern.test(commands));
    for (const pair of chosen) pair.deaf = true;
    return chosen.length;
  }

  #join(client, redis) {
    const pair = { client, redis, deaf: false, commands: "" };
    if (!this.accepts) {
      client.destroy();
      redis.destroy();
      return;
    }
    this.#pairs.add(pair);
    for (const socket of [client, redis]) {
      socket.setNoDelay(true);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#pairs.delete(pair);
        client.destroy();
        redis.destroy();
      });
    }
    client.on("data", (data) => {
      pair.commands = (pair.commands + data.toString("latin1")).slice(-4096);
      if (this.answers) client.write(this.answers);
      else this.#pass(redis, data);
    });
    redis.on("data", (data) => {
      if (!pair.deaf && !this.answers) this.#pass(client, data);
    });
  }

  #pass(to, data) {
    if (this.swallow) return;
    if (this.delay > 0) setTimeout(() => to.write(data), this.delay);
    else to.write(data);
  }
}

// startProxy returns a proxy in front of a Redis.
export async function startProxy(t, redis) {
  const proxy = new Proxy(redis.port);
  proxy.server.listen(0, "127.0.0.1");
  await once(proxy.server, "listening");
  cleanup(t, () => {
    proxy.server.close();
    proxy.cut();
  });
  return proxy;
}
