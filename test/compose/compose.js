// docker-compose.yml, started by Docker: clients reach the nodes through nginx, and nodes come, go and die.
//
//   node --test compose/compose.js
//
// It takes port 3000 and needs Docker, and the images that the files name.
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { cleanup } from "../harness/cleanup.js";
import { Inbox, join } from "../harness/client.js";
import { crowd, everybodyHears } from "../harness/crowd.js";
import { run } from "../harness/program.js";
import { SECRET } from "../harness/token.js";
import { until, within } from "../harness/wait.js";

const root = fileURLToPath(new URL("../../", import.meta.url));
const URL_OF_ALL = "http://localhost:3000";
const SLOW_MS = 1_800_000; // the image is built
const command = spawnSync("docker", ["compose", "version"]).status === 0 ? ["docker", "compose"] : ["docker-compose"];

test("docker-compose.yml", { timeout: SLOW_MS }, async (t) => {
  const project = ["-p", `chorus-test-${process.pid}`, "--project-directory", root, "-f", `${root}docker-compose.yml`];
  const docker = async (program, ...args) => {
    const child = run(t, program[0], [...program.slice(1), ...args], { ...process.env, CHORUS_AUTH_SECRET: SECRET });
    child.child.stdin.end();
    assert.equal(await within(child.exited, args.join(" "), SLOW_MS), 0, child.output);
    return child.output.trim();
  };
  const compose = (...args) => docker(command, ...project, ...args);
  const nodes = async () => (await compose("ps", "-q", "node")).split("\n").filter((line) => /^[0-9a-f]{64}$/.test(line));
  const healthy = async (count) => {
    const states = await Promise.all((await nodes()).map((id) => docker(["docker"], "inspect", "-f", "{{.State.Health.Status}}", id)));
    return states.filter((state) => state === "healthy").length === count;
  };

  cleanup(t, () => compose("down", "-v", "--timeout", "1"));
  await compose("up", "--build", "-d");
  await until(async () => (await fetch(`${URL_OF_ALL}/readyz`).catch(() => ({}))).ok, "the cluster", 60_000);

  // The command that the file prints in its first lines.
  const alice = await join(t, URL_OF_ALL, { auth: { token: (await compose("exec", "-T", "node", "/chorus", "token", "--sub", "alice")).split("\n").at(-1) } });
  assert.equal((await alice.emitWithAck("join", "user:alice")).ok, true);
  alice.disconnect();

  const clients = await crowd(t, URL_OF_ALL);
  await everybodyHears(clients, 5);
  await compose("up", "-d", "--scale", "node=5");
  await until(() => healthy(5), "five nodes", 60_000);
  const more = await crowd(t, URL_OF_ALL);
  await everybodyHears([...clients, ...more], 1);

  const [victim] = await nodes();
  await docker(["docker"], "kill", victim);
  await until(() => [...clients, ...more].every(({ socket }) => socket.connected), "all clients to be connected", 60_000);
  await docker(["docker"], "start", victim);
  await until(() => healthy(5), "five nodes again", 60_000);
  await until(async () => {
    const inbox = new Inbox(more[0].socket, "message");
    await clients[0].socket.timeout(20_000).emitWithAck("message", "again").catch(() => ({}));
    return within(inbox.count(1), "a message", 2000).catch(() => false);
  }, "the cluster to be whole", 60_000);

  // Nodes that go move their clients first.
  await compose("up", "-d", "--scale", "node=2");
  await until(() => [...clients, ...more].every(({ socket }) => socket.connected), "all clients on two nodes", 60_000);
  await everybodyHears([...clients, ...more], 1);
});
