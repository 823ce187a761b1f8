// A Redis of the test's own, on a port of its own.
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createClient } from "redis";
import { cleanup } from "./cleanup.js";
import { Program } from "./program.js";

export async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}

class Redis {
  // One that is durable has every answer on its disk, and is the same after it was killed.
  constructor(durable, args) {
    this.args = args;
    this.directory = durable ? mkdtempSync(join(tmpdir(), "redis-")) : tmpdir();
    this.persistence = durable ? ["--appendonly", "yes", "--appendfsync", "always"] : ["--appendonly", "no"];
  }

  async start() {
    this.program = new Program("redis-server", [
      "--port", String(this.port), "--bind", "127.0.0.1", "--save", "", ...this.persistence, "--dir", this.directory, ...this.args,
    ]);
    await this.program.line((line) => (line.includes("Ready to accept connections") ? true : undefined), "being ready");
  }

  // stop ends the server; start brings it back on the same port.
  stop() {
    return this.program.stop("SIGKILL");
  }

  halt() {
    this.program.signalled("SIGSTOP");
  }

  resume() {
    this.program.signalled("SIGCONT");
  }
}

export async function startRedis(t, { durable = false, args = [] } = {}) {
  const redis = new Redis(durable, args);
  if (durable) cleanup(t, () => rmSync(redis.directory, { recursive: true }));
  for (let attempt = 1; ; attempt++) {
    redis.port = await freePort();
    redis.url = `redis://127.0.0.1:${redis.port}`;
    try {
      await redis.start();
      break;
    } catch (err) {
      if (attempt === 3) throw err; // somebody else was quicker to take the port, three times
    }
  }
  cleanup(t, () => redis.stop());
  return redis;
}

// watchRequests calls back at each request of a server to the others. It does not subscribe to the
// channel of requests, since the servers count who does.
export async function watchRequests(t, redis, { sharded, useShardedPubSub }, callback) {
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.destroy());
  const command = sharded === "streams" && !useShardedPubSub ? "publish" : "spublish";
  if (sharded) await client.monitor((line) => line.toLowerCase().includes(`"${command}" "socket.io#/#" `) && callback());
  else await client.pSubscribe("socket.io-request#/#*", callback);
}
