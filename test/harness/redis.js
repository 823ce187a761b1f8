// A Redis of the test's own, on a port of its own.
import { once } from "node:events";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
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
  async start() {
    this.program = new Program("redis-server", [
      "--port", String(this.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--dir", tmpdir(),
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

export async function startRedis(t) {
  const redis = new Redis();
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
export async function watchRequests(t, redis, sharded, callback) {
  const client = createClient({ url: redis.url });
  await client.connect();
  cleanup(t, () => client.destroy());
  if (sharded === "streams") await client.monitor((line) => /"publish" "socket\.io#\/#" /i.test(line) && callback());
  else if (sharded) await client.monitor((line) => /"spublish" "socket\.io#\/#" /i.test(line) && callback());
  else await client.pSubscribe("socket.io-request#/#*", callback);
}
