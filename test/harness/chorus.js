// Nodes, as processes of the real binary.
import { fileURLToPath } from "node:url";
import { file } from "./file.js";
import { run } from "./program.js";
import { SECRET } from "./token.js";
import { within } from "./wait.js";

export const BINARY = process.env.CHORUS_BIN ?? fileURLToPath(new URL("../../bin/chorus", import.meta.url));

// Tests send faster than people do. Those about limits set their own.
export const UNLIMITED = Object.fromEntries(["EVENTS", "SUBJECT_EVENTS", "BYTES", "HANDSHAKES", "FAILED_AUTH"].map((name) => [`CHORUS_LIMITS_${name}_RATE`, "0"]));

// environment returns the variables of a node that listens where nobody else does.
export function environment(redis, settings = {}) {
  return {
    CHORUS_LISTEN: "127.0.0.1:0",
    CHORUS_ADMIN_LISTEN: "127.0.0.1:0",
    CHORUS_AUTH_SECRET: SECRET,
    CHORUS_LOG_FORMAT: "json",
    ...UNLIMITED,
    CHORUS_DRAIN_PERIOD: "1s",
    ...(redis ? { CHORUS_CLUSTER_REDIS_URL: redis.url } : {}),
    ...settings,
  };
}

// addresses waits until a node listens and returns the URLs of its two listeners.
export async function addresses(program) {
  const { addr, admin } = await program.line((line) => {
    if (!line.includes('"msg":"listening"')) return undefined;
    return JSON.parse(line);
  }, "listening");
  return { url: `http://${addr}`, admin: `http://${admin}` };
}

// startNode returns a node that is up. Settings are CHORUS_* variables; it may open so many descriptors.
export async function startNode(t, redis, settings, { descriptors } = {}) {
  const command = descriptors ? ["sh", "-c", `ulimit -n ${descriptors}; exec "$0" serve`, BINARY] : [BINARY, "serve"];
  const program = run(t, command[0], command.slice(1), environment(redis, settings));
  return Object.assign(program, await addresses(program));
}

// startWith returns a node with a configuration file of this text.
export async function startWith(t, config) {
  const program = run(t, BINARY, ["serve", "--config", await file(t, "chorus.yaml", config)], environment());
  return Object.assign(program, await addresses(program));
}

// startNodes returns so many of them.
export function startNodes(t, count, redis, settings) {
  return Promise.all(Array.from({ length: count }, () => startNode(t, redis, settings)));
}

// chorus runs a command to its end.
export async function chorus(t, args, env = {}) {
  const program = run(t, BINARY, args, env);
  program.child.stdin.end();
  const code = await within(program.exited, `chorus ${args.join(" ")}`);
  return { code, lines: program.lines, output: program.output };
}
