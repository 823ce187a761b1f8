// The PROXY protocol: load balancers that do not speak HTTP say who their client is.
import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "node:test";
import { WebSocket } from "ws";
import { startNode } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { metric } from "./harness/metrics.js";
import { token } from "./harness/token.js";
import { event } from "./harness/wait.js";

const REQUEST = "GET /socket.io/?EIO=3&transport=polling HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"; // it is refused, and logged

async function send(node, ...chunks) {
  const { hostname, port } = new URL(node.url);
  const socket = connect(Number(port), hostname);
  const closed = new Promise((resolve) => socket.on("close", resolve)); // it may come before all is sent
  let text = "";
  socket.on("data", (data) => (text += data)).on("error", () => {});
  for (const chunk of chunks) {
    socket.write(chunk);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  return text;
}

function version2(command, source) {
  const header = Buffer.from("0d0a0d0a000d0a515549540a", "hex");
  const address = Buffer.from([...source.split(".").map(Number), 127, 0, 0, 1, 0x12, 0x34, 0x0b, 0xb8]);
  return Buffer.concat([header, Buffer.from([0x20 | command, 0x11, 0, address.length]), address]);
}

const logged = (node, address) => node.line((line) => (line.includes('"handshake refused"') && line.includes(address) ? true : undefined), address);

test("trusted peers name their client, in version 1 and 2, and need not", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_PROXY_PROTOCOL: "true", CHORUS_TRUSTED_PROXIES: "127.0.0.1" });
  for (const [chunks, address] of [
    [["PROXY TCP4 192.0.2.1 127.0.0.1 4660 3000\r\n", REQUEST], "192.0.2.1"],
    [[`PROXY TCP6 2001:db8::7 ::1 4660 3000\r\n${REQUEST}`], "2001:db8::7"],
    [[version2(1, "192.0.2.3"), REQUEST], "192.0.2.3"],
    [["PRO", `XY TCP4 192.0.2.4 127.0.0.1 4660 3000\r\n${REQUEST}`], "192.0.2.4"],
    [[`PROXY UNKNOWN\r\n${REQUEST}`], "127.0.0.1"],
    [[version2(0, "192.0.2.9"), REQUEST], "127.0.0.1"], // a probe of the balancer itself
  ]) {
    assert.match(await send(node, ...chunks), /^HTTP\/1\.1 400/, address);
    await logged(node, address);
  }
  assert.equal((await fetch(`${node.url}/readyz`)).status, 200); // without a header
  await join(t, node.url);
  for (const bad of ["PROXY nonsense\r\n", `PROXY TCP4 ${"1".repeat(200)}\r\n`, Buffer.concat([version2(1, "192.0.2.3").subarray(0, 12), Buffer.from([0x91, 0x11, 0, 0])])]) {
    assert.equal(await send(node, bad, REQUEST), "");
  }
});

test("a WebSocket behind a header is an ordinary one", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_PROXY_PROTOCOL: "true", CHORUS_TRUSTED_PROXIES: "127.0.0.1" });
  const { hostname, port } = new URL(node.url);
  const createConnection = () => {
    const socket = connect(Number(port), hostname);
    socket.write("PROXY TCP4 192.0.2.1 127.0.0.1 4660 3000\r\n");
    return socket;
  };
  const socket = new WebSocket(`ws://${hostname}:${port}/socket.io/?EIO=4&transport=websocket`, { createConnection });
  t.after(() => socket.terminate());
  const heard = [];
  socket.on("message", (data) => heard.push(String(data)));
  await event(socket, "open");
  socket.send(`40${JSON.stringify({ token: token() })}`);
  while (!heard.some((text) => text.startsWith("40"))) await event(socket, "message");
  socket.send('421["message","hi"]');
  while (!heard.some((text) => text.startsWith("431"))) await event(socket, "message");
});

test("a stranger that sends a header is refused", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_PROXY_PROTOCOL: "true", CHORUS_TRUSTED_PROXIES: "10.0.0.0/8" });
  assert.equal(await send(node, "PROXY TCP4 10.0.0.1 127.0.0.1 4660 3000\r\n", REQUEST), "");
  assert.equal(await send(node, version2(1, "10.0.0.1"), REQUEST), "");
  assert.ok((await metric(node, "chorus_proxy_header_refused_total")) >= 2);
  await join(t, node.url); // without a header he is as welcome as ever
});
