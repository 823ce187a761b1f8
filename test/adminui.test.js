// The official admin UI of Socket.IO, unchanged, against our nodes.
import assert from "node:assert/strict";
import { createReadStream, existsSync } from "node:fs";
import { createServer } from "node:http";
import { once } from "node:events";
import { extname, join as joinPath } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, test } from "node:test";
import { io } from "socket.io-client";
import { openPage, startBrowser } from "./harness/browser.js";
import { cleanup } from "./harness/cleanup.js";
import { Inbox, connected, join, refusal } from "./harness/client.js";
import { startNode } from "./harness/chorus.js";
import { makeKey, startOperated } from "./harness/operators.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const user = (t, node, sub = "ada") => join(t, node.url, { auth: { token: token({ sub }) } });

function admin(t, node, auth) {
  const socket = io(`${node.url}/admin`, { forceNew: true, reconnection: false, transports: ["websocket"], auth });
  cleanup(t, () => socket.disconnect());
  return socket;
}

const withKey = ({ name, key }) => ({ username: name, password: key });

async function started(t, count = 2) {
  const redis = count > 1 ? await startRedis(t) : undefined;
  const ops = await makeKey(t, "ops", "admin");
  const viewer = await makeKey(t, "viewer", "admin:read");
  const other = await makeKey(t, "other", "publish", "rooms");
  return { ops, viewer, other, nodes: await startOperated(t, count, redis, [ops, viewer, other]) };
}

describe("the sign-in", () => {
  test("without a key for it the namespace does not exist", async (t) => {
    const node = await startNode(t);
    assert.equal((await refusal(admin(t, node, { username: "a", password: "b" }))).message, "Invalid namespace");
  });

  test("by key, by token, by session; everything else is refused as the UI expects", async (t) => {
    const { ops, viewer, other, nodes: [node] } = await started(t, 1);
    const good = admin(t, node, withKey(ops));
    const session = event(good, "session");
    const config = event(good, "config");
    await connected(good);
    const [id] = await session;
    assert.ok((await config)[0].supportedFeatures.includes("EMIT"));
    await connected(admin(t, node, { sessionId: id }));
    await connected(admin(t, node, { username: "jwt", password: token({ chorus: { api: ["admin"] } }) }));
    const reader = admin(t, node, withKey(viewer));
    const features = event(reader, "config");
    await connected(reader);
    assert.deepEqual((await features)[0].supportedFeatures, ["AGGREGATED_EVENTS", "ALL_EVENTS"]);
    for (const bad of [
      {}, { username: "ops" }, { username: "ops", password: `${ops.key}0` }, { username: "viewer", password: ops.key }, withKey(other),
      { sessionId: `${id}0` }, { sessionId: "ops 99999999999 AAAA" }, { username: "jwt", password: token() }, { username: "jwt", password: "" },
      { token: token({ chorus: { api: ["admin"] } }) }, { username: { $ne: 1 }, password: [ops.key] }, { sessionId: 7 },
    ]) {
      assert.equal((await refusal(admin(t, node, bad))).message, "invalid credentials", JSON.stringify(bad));
    }
  });
});

test("servers, sockets, rooms and events of both nodes, without secrets", async (t) => {
  const { ops, nodes } = await started(t);
  const before = await user(t, nodes[1], "before");
  const socket = admin(t, nodes[0], withKey(ops));
  const heard = {};
  for (const name of ["server_stats", "all_sockets", "socket_connected", "socket_disconnected", "room_joined", "room_left", "event_received", "event_sent"]) {
    heard[name] = new Inbox(socket, name);
  }
  await connected(socket);
  const servers = await heard.server_stats.until((items) => new Set(items.map(([s]) => s.serverId)).size === 2, "two servers");
  const [stats] = servers[0];
  for (const member of ["hostname", "pid", "uptime", "clientsCount", "pollingClientsCount"]) assert.ok(member in stats, member);
  await heard.socket_connected.until((items) => items.some(([s]) => s.id === before.id), "the socket of the other node");

  const ada = await user(t, nodes[1]);
  const [[shown]] = (await heard.socket_connected.until((items) => items.some(([s]) => s.id === ada.id), "a new socket")).filter(([s]) => s.id === ada.id);
  assert.deepEqual([shown.nsp, shown.transport, shown.data.user, shown.rooms.includes(ada.id)], ["/", "websocket", "ada", true]);
  assert.ok(shown.clientId && shown.handshake.address && shown.handshake.headers);
  assert.equal(shown.handshake.query.EIO, "4");
  await ada.emitWithAck("join", "team");
  await heard.room_joined.until((items) => items.some(([nsp, room, id]) => nsp === "/" && room === "team" && id === ada.id), "a room");
  await ada.emitWithAck("publish", "team", { text: "hello" });
  const received = await heard.event_received.until((items) => items.some(([, id, args]) => id === ada.id && args[0] === "publish"), "an event");
  assert.deepEqual(received.find(([, , args]) => args[0] === "publish")[2], ["publish", "team", { text: "hello" }]);
  await heard.event_sent.until((items) => items.some(([, id, args]) => id === ada.id && args[0] === "publish"), "its delivery");
  await ada.emitWithAck("token:refresh", { token: token({ sub: "ada" }) });
  await ada.emitWithAck("leave", "team");
  await heard.room_left.until((items) => items.some(([, room, id]) => room === "team" && id === ada.id), "leaving");
  const { id } = ada;
  ada.disconnect();
  await heard.socket_disconnected.until((items) => items.some(([, gone]) => gone === id), "the end");
  assert.doesNotMatch(JSON.stringify(Object.values(heard).map(({ items }) => items)), /eyJ/);
});

test("what a UI asks for reaches the sockets of both nodes; a read-only one is not heard", async (t) => {
  const { ops, viewer, nodes } = await started(t);
  const users = [await user(t, nodes[0], "a"), await user(t, nodes[1], "b")];
  const inboxes = users.map((socket) => new Inbox(socket, "hello"));
  const reader = await connected(admin(t, nodes[0], withKey(viewer)));
  for (const request of [["emit", "/", undefined, "hello", 0], ["_disconnect", "/", false], ["join", "/", "x"]]) reader.emit(...request);
  const socket = await connected(admin(t, nodes[0], withKey(ops)));
  socket.emit("emit", "/", undefined, "hello", 1, { two: 2 });
  for (const inbox of inboxes) assert.deepEqual(await inbox.count(1), [[1, { two: 2 }]]);
  socket.emit("join", "/", "blue", users[1].id);
  const joined = new Inbox(socket, "room_joined");
  await joined.until((items) => items.some(([, room, id]) => room === "blue" && id === users[1].id), "the room");
  socket.emit("emit", "/", "blue", "hello", "in the room");
  await inboxes[1].count(2);
  socket.emit("leave", "/", "blue", users[1].id);
  await new Inbox(socket, "room_left").until((items) => items.some(([, room]) => room === "blue"), "leaving");
  const nonsense = [["emit"], ["emit", 7, {}, []], ["join", "/"], ["join", "/nowhere", "x"], ["_disconnect", "/nowhere", true], ["leave", "/", null, null], ["emit", "/", null, ""], ["emit", "/", null, null]];
  for (const request of nonsense) socket.emit(...request);
  const gone = event(users[0], "disconnect");
  socket.emit("_disconnect", "/", true, users[0].id);
  assert.equal((await gone)[0], "io server disconnect");
  assert.ok(users[1].connected && socket.connected);
});

const types = { ".html": "text/html", ".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".png": "image/png" };

test("the UI itself, as its package has it", async (t) => {
  const dist = fileURLToPath(new URL("node_modules/@socket.io/admin-ui/ui/dist/", import.meta.url));
  const site = createServer((request, answer) => {
    const path = joinPath(dist, request.url === "/" ? "index.html" : new URL(request.url, "http://x").pathname);
    if (!existsSync(path)) return answer.writeHead(404).end();
    answer.setHeader("Content-Type", types[extname(path)] ?? "application/octet-stream");
    return createReadStream(path).pipe(answer);
  }).listen(0, "127.0.0.1");
  await once(site, "listening");
  cleanup(t, () => site.close());

  const redis = await startRedis(t);
  const ops = await makeKey(t, "ops", "admin");
  const nodes = await startOperated(t, 2, redis, [ops], `cors: {origins: ["http://127.0.0.1:${site.address().port}"]}\n`);
  const users = [await user(t, nodes[0], "a"), await user(t, nodes[1], "b")];
  const browser = await startBrowser(t);
  const page = await openPage(t, browser, `http://127.0.0.1:${site.address().port}/`);
  await page.getByLabel("Server URL").fill(`${nodes[0].url}`);
  await page.getByLabel("Username").fill("ops");
  await page.getByLabel("Password").fill("wrong");
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText("Invalid credentials").waitFor();
  await page.getByLabel("Password").fill(ops.key);
  await page.getByRole("button", { name: "Connect", exact: true }).click();
  await page.getByText("Invalid credentials").waitFor({ state: "hidden" });
  await page.getByRole("link", { name: "Sockets" }).click();
  for (const { id } of users) await page.getByText(id).first().waitFor();
  await page.getByRole("link", { name: "Servers" }).click();
  await until(async () => (await page.locator("table tbody tr").count()) === 2, "two servers");
  await page.getByRole("link", { name: "Rooms" }).click();
  await users[0].emitWithAck("join", "seen-in-the-ui");
  await page.getByText("seen-in-the-ui").first().waitFor();
  await page.getByRole("link", { name: "Events" }).click();
  await users[1].emitWithAck("join", "another-room");
  await page.getByText("another-room").first().waitFor();
  assert.deepEqual(page.complaints.filter((line) => !/fonts\.|cdn\.|net::|Content Security/.test(line)), []);
});
