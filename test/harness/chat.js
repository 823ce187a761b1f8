// Clusters of nodes with a configuration for the chat product, and its requests.
import assert from "node:assert/strict";
import { addresses, BINARY, environment } from "./chorus.js";
import { join } from "./client.js";
import { file } from "./file.js";
import { run } from "./program.js";
import { startRedis } from "./redis.js";
import { token } from "./token.js";

// startCluster returns three nodes with a Redis, or one node three times without. Each has start, which begins another one.
export async function startCluster(t, shared, config, settings = {}) {
  const path = await file(t, "chorus.yaml", config);
  const redis = shared ? (settings.redis ?? (await startRedis(t))) : undefined;
  const start = async () => {
    const program = run(t, BINARY, ["serve", "--config", path], environment(redis, settings.variables));
    return Object.assign(program, await addresses(program), { start, redis });
  };
  if (!shared) {
    const node = await start();
    return [node, node, node];
  }
  return Promise.all([start(), start(), start()]);
}

// as returns a client of a user, whose name is the id in capitals.
export function as(t, node, sub, claims = {}, options = {}) {
  return join(t, node.url, { auth: { token: token({ sub, name: sub.toUpperCase(), ...claims }) }, ...options });
}

// moderator are the claims of a token that may moderate rooms.
export const moderator = (...rooms) => ({ chorus: { rooms: { moderate: rooms } } });

// refused fails unless a request is refused with a code, and returns the error.
export async function refused(socket, code, ...request) {
  const answer = await socket.emitWithAck(...request);
  assert.deepEqual([answer.ok, answer.error?.code], [false, code], JSON.stringify([request, answer]).slice(0, 300));
  assert.equal(typeof answer.error.message, "string");
  return answer.error;
}

// done fails unless a request is done, and returns the answer.
export async function done(socket, ...request) {
  const answer = await socket.emitWithAck(...request);
  assert.equal(answer.ok, true, JSON.stringify([request, answer]).slice(0, 300));
  return answer;
}
