// The load balancers of deploy/, as they are, in front of real nodes: round robin and no sticky sessions.
import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { startNodes } from "./harness/chorus.js";
import { cleanup } from "./harness/cleanup.js";
import { crowd, everybodyHears } from "./harness/crowd.js";
import { metric } from "./harness/metrics.js";
import { run } from "./harness/program.js";
import { freePort, startRedis } from "./harness/redis.js";
import { until, within } from "./harness/wait.js";

const deployed = (name) => readFileSync(fileURLToPath(new URL(`../deploy/${name}`, import.meta.url)), "utf8");

// replaced replaces texts that must be there: the names of Docker give way to the addresses of the test.
function replaced(text, pairs) {
  for (const [from, to] of pairs) {
    assert.ok(text.includes(from), `deploy/ has ${from}`);
    text = text.replace(from, to);
  }
  return text;
}

const balancers = {
  nginx: (nodes, port, folder) => {
    const servers = nodes.map((node) => `server ${new URL(node.url).host} max_fails=1 fail_timeout=2s;`).join(" ");
    const text = replaced(deployed("nginx.conf"), [
      ["resolver 127.0.0.11 valid=2s;", `upstream nodes { ${servers} }`],
      ["set $nodes http://node:3000;", "set $nodes http://nodes;"],
      ["listen 3000;", `listen 127.0.0.1:${port};`],
      ["worker_processes auto;", "worker_processes 1; master_process off;"],
      ["events {", `pid ${folder}/pid; error_log stderr; daemon off;\nevents {`],
      ["http {", `http { client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c; uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;`],
    ]);
    writeFileSync(`${folder}/conf`, text);
    return ["nginx", ["-c", `${folder}/conf`, "-p", folder]];
  },
  haproxy: (nodes, port, folder) => {
    const servers = nodes.map((node, i) => `server node${i} ${new URL(node.url).host}`).join("\n    ");
    const text = replaced(deployed("haproxy.cfg"), [
      ["server-template node 1-16 node:3000 resolvers docker init-addr none", servers],
      ["bind :3000", `bind 127.0.0.1:${port}`],
      ["resolvers docker\n    nameserver dns 127.0.0.11:53\n    hold valid 2s\n", ""],
      ["maxconn 20000", "maxconn 500"],
    ]);
    writeFileSync(`${folder}/conf`, text);
    return ["haproxy", ["-db", "-f", `${folder}/conf`]];
  },
};

// Caddy is built from its source, which takes minutes: make balancers does so and names it.
const { CADDY } = process.env;
if (CADDY) {
  balancers.caddy = (nodes, port, folder) => {
    const text = replaced(deployed("Caddyfile"), [
      [":3000 {", `{\n\tadmin off\n\tauto_https off\n}\n:${port} {\n\tbind 127.0.0.1`],
      ["dynamic a node 3000 {\n\t\t\trefresh 2s\n\t\t}", `to ${nodes.map((node) => new URL(node.url).host).join(" ")}`],
    ]);
    writeFileSync(`${folder}/conf`, text);
    return [CADDY, ["run", "--adapter", "caddyfile", "--config", `${folder}/conf`]];
  };
  test("caddy: the file is valid as it is", async (t) => {
    const caddy = run(t, CADDY, ["adapt", "--validate", "--config", fileURLToPath(new URL("../deploy/Caddyfile", import.meta.url))], { HOME: tmpdir() });
    assert.equal(await within(caddy.exited, "the check"), 0, caddy.output);
  });
}

for (const [name, command] of Object.entries(balancers)) {
  test(`${name}: round robin, long-polling and upgrades, a node killed`, async (t) => {
    const nodes = await startNodes(t, 3, await startRedis(t), { CHORUS_TRUSTED_PROXIES: "127.0.0.1" });
    const folder = mkdtempSync(path(tmpdir(), "balancer-"));
    cleanup(t, () => rmSync(folder, { recursive: true, force: true }));
    const port = await freePort();
    const program = run(t, ...command(nodes, port, folder), { HOME: folder });
    const url = `http://127.0.0.1:${port}`;
    await until(async () => program.ended || (await fetch(`${url}/readyz`).catch(() => ({}))).ok, "the balancer");
    assert.equal(program.ended, undefined, program.output);

    const clients = await crowd(t, url);
    await everybodyHears(clients, 5);
    for (const node of nodes) assert.ok((await metric(node, "chorus_forwarded_requests_total")) > 0);

    // Clients of other nodes that poll notice nothing, unless a POST was on its way through the node that dies.
    const open = await fetch(`${nodes[0].url}/socket.io/?EIO=4&transport=polling`);
    const dead = JSON.parse((await open.text()).slice(1)).sid.slice(0, 6);
    const undisturbed = clients.filter(({ sid, socket }) => !sid.startsWith(dead) && socket.io.engine.transport.name === "polling");
    await nodes[0].stop("SIGKILL");
    for (const { sid, gone } of clients) if (sid.startsWith(dead)) await gone.count(1);
    await until(() => clients.every(({ socket }) => socket.connected), "all clients to be connected again");
    for (const { gone } of undisturbed) assert.deepEqual(gone.items, [], "a client of another node that polls");
    await everybodyHears(clients, 1);
  });
}
