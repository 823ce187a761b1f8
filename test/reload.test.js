// What a running node takes over, TLS, and the end of a node by its admin address.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as path } from "node:path";
import { connect } from "node:tls";
import { connect as connectHTTP2 } from "node:http2";
import { test } from "node:test";
import { addresses, BINARY, chorus, environment, startNode, startNodes } from "./harness/chorus.js";
import { join, open } from "./harness/client.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until, within } from "./harness/wait.js";

function folder(t) {
  const directory = mkdtempSync(path(tmpdir(), "chorus-"));
  t.after(() => rmSync(directory, { recursive: true }));
  return directory;
}

// certify makes a certificate of this name in a folder.
function certify(directory, name) {
  const [cert, key] = [path(directory, "cert.pem"), path(directory, "key.pem")];
  execFileSync("openssl", ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
    "-subj", `/CN=${name}`, "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", cert], { stdio: "ignore" });
  return { CHORUS_TLS_CERT_FILE: cert, CHORUS_TLS_KEY_FILE: key };
}

async function shown(url) {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port, rejectUnauthorized: false });
  await event(socket, "secureConnect");
  const { CN } = socket.getPeerCertificate().subject;
  socket.destroy();
  return CN;
}

test("SIGHUP and chorus reload take over limits, origins and the log level; a bad file changes nothing", async (t) => {
  const file = path(folder(t), "chorus.yaml");
  const write = (text) => writeFileSync(file, text);
  write("limits: {events: {rate: 1/h, burst: 1}}\nmax_rooms: 5\n");
  const env = environment(undefined, { CHORUS_AUTH_COOKIE: "session" });
  delete env.CHORUS_LIMITS_EVENTS_RATE;
  const node = run(t, BINARY, ["serve", "-c", file], env);
  Object.assign(node, await addresses(node));
  const client = await join(t, node.url);
  assert.equal((await client.emitWithAck("message", 1)).ok, true);
  assert.equal((await client.emitWithAck("message", 2)).error.code, "rate_limited");

  write("limits: {events: {rate: 1000/s, burst: 1000}}\nmax_rooms: 6\ncors: {origins: ['https://page.example']}\nlog: {level: debug}\n");
  const reloaded = await chorus(t, ["reload", node.admin]);
  assert.equal(reloaded.code, 0, reloaded.output);
  assert.match(reloaded.output, /restart: max_rooms/);
  await until(async () => (await client.emitWithAck("message", 3)).ok, "the new limit");
  const page = { headers: { origin: "https://page.example" } };
  assert.equal((await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, page)).status, 200);
  await node.line((line) => (line.includes('"DEBUG"') ? true : undefined), "a line of level debug");

  const cookie = (origin) => refusedOrNot(t, node, { transports: ["websocket"], auth: {}, extraHeaders: { origin, cookie: `session=${token()}` } });
  assert.equal(await cookie("https://page.example"), "connected");

  write("limits: {events: {rate: nonsense}}\n");
  const bad = await chorus(t, ["reload", node.admin]);
  assert.equal(bad.code, 1);
  assert.match(bad.output, /limits\.events\.rate/);
  node.signalled("SIGHUP");
  await node.line((line) => (line.includes("configuration not reloaded") ? true : undefined), "the line about the bad file");
  assert.equal((await fetch(`${node.url}/socket.io/?EIO=4&transport=polling`, page)).status, 200);
});

// refusedOrNot returns "connected" or the code of the refusal.
async function refusedOrNot(t, node, options) {
  const socket = open(t, node.url, options);
  return within(new Promise((resolve) => {
    socket.once("connect", () => resolve("connected"));
    socket.once("connect_error", (err) => resolve(err.data?.code ?? err.message));
  }), "an outcome");
}

test("strangers do not operate a node", async (t) => {
  const node = await startNode(t);
  for (const command of ["reload", "drain"]) {
    assert.equal((await fetch(`${node.admin}/${command}`)).status, 405);
    assert.equal((await fetch(`${node.admin}/${command}`, { method: "POST" })).status, 403);
    assert.equal((await fetch(`${node.admin}/${command}`, { method: "POST", headers: { "chorus-operator": "x", origin: "https://evil.example" } })).status, 403);
    assert.equal((await fetch(`${node.url}/${command}`, { method: "POST", headers: { "chorus-operator": "x" } })).status, 404);
  }
});

test("chorus drain moves the clients and ends the node", async (t) => {
  const [one, two] = await startNodes(t, 2, await startRedis(t));
  const client = await join(t, one.url);
  const told = event(client, "server:draining");
  const { code, output } = await chorus(t, ["drain", one.admin]);
  assert.equal(code, 0, output);
  assert.match(output, /1 connections/);
  const [{ retry_after_ms }] = await told;
  assert.ok(retry_after_ms > 0);
  assert.equal(await within(one.exited, "the end"), 0);
  await join(t, two.url);
});

test("TLS: wss with the official client, HTTP/2, requests between nodes, and a certificate that changes", async (t) => {
  const directory = folder(t);
  const tls = certify(directory, "first");
  const nodes = await startNodes(t, 2, await startRedis(t), tls);
  const urls = nodes.map((node) => node.url.replace("http:", "https:"));
  const insecure = { rejectUnauthorized: false };
  const client = await join(t, urls[0], insecure);
  const polling = await join(t, urls[1], { ...insecure, transports: ["polling"] });
  for (const socket of [client, polling]) assert.deepEqual(await socket.emitWithAck("message", 1), { ok: true });

  const session = connectHTTP2(urls[0], insecure);
  t.after(() => session.destroy());
  const ask = async (headers, body) => {
    const stream = session.request(headers);
    stream.end(body);
    const [answer] = await event(stream, "response");
    let text = "";
    for await (const chunk of stream) text += chunk;
    return { status: answer[":status"], text };
  };
  await until(async () => JSON.parse((await ask({ ":path": "/readyz" })).text).forwarding === "ok", "forwarding over TLS");
  const { sid } = JSON.parse((await (async () => {
    const other = connectHTTP2(urls[1], insecure);
    t.after(() => other.destroy());
    const stream = other.request({ ":path": "/socket.io/?EIO=4&transport=polling" });
    let text = "";
    for await (const chunk of stream) text += chunk;
    return text;
  })()).slice(1));
  const passed = await ask({ ":path": `/socket.io/?EIO=4&transport=polling&sid=${sid}`, ":method": "POST" }, `40${JSON.stringify({ token: token() })}`);
  assert.deepEqual(passed, { status: 200, text: "ok" });

  assert.equal(await shown(urls[0]), "first");
  certify(directory, "second");
  nodes[0].signalled("SIGHUP");
  await until(async () => (await shown(urls[0])) === "second", "the new certificate after SIGHUP");
  await until(async () => (await shown(urls[1])) === "second", "the new certificate, by watching the file");
  for (const socket of [client, polling]) assert.deepEqual(await socket.emitWithAck("message", 2), { ok: true });
  writeFileSync(tls.CHORUS_TLS_CERT_FILE, "nonsense");
  nodes[0].signalled("SIGHUP");
  await nodes[0].line((line) => (line.includes("configuration not reloaded") ? true : undefined), "the line about the bad certificate");
  assert.equal(await shown(urls[0]), "second");
});
