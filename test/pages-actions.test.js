// The buttons of the dashboard: what each does is seen at the client that it is for, which is on another node.
import assert from "node:assert/strict";
import { before, test } from "node:test";
import { content, openPage, startBrowser } from "./harness/browser.js";
import { sharedByTests } from "./harness/cleanup.js";
import { Inbox, join, refusal, open } from "./harness/client.js";
import { makeKey, startOperated } from "./harness/operators.js";
import { startReceiver, WHSEC } from "./harness/receiver.js";
import { startRedis } from "./harness/redis.js";
import { token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const shared = sharedByTests();

let browser, nodes, ops, receiver;
before(async () => {
  browser = await startBrowser(shared);
  const redis = await startRedis(shared);
  receiver = await startReceiver(shared, () => ({ status: 500 }));
  ops = await makeKey(shared, "ops", "admin");
  nodes = await startOperated(shared, 2, redis, [ops], `
chat: {rooms: [{match: "*", history: {messages: 100}}]}
webhooks:
  - {name: crm, url: "${receiver.url}", secrets: [${WHSEC}], allow_private: true, events: [room.joined], rooms: [told], retry_for: 1s}
`);
});

async function enter(t, where) {
  const page = await openPage(t, browser, `${nodes[0].admin}/admin/${where}`);
  t.after(() => page.context().close());
  await page.getByLabel("API key").fill(ops.key);
  await page.getByRole("button", { name: "Sign in" }).click();
  return page;
}

// user returns a client of a user on the other node, in a room.
async function user(t, sub, room = "lobby") {
  const socket = await join(t, nodes[1].url, { auth: { token: token({ sub }) } });
  assert.ok((await socket.emitWithAck("join", room)).ok);
  return socket;
}

// press fills in the form about a user and presses a button.
async function press(page, name, fields = {}) {
  for (const label of ["Room; empty for everywhere", "Minutes; empty for no end", "Reason"]) await page.getByLabel(label).fill(fields[label] ?? "");
  await page.getByRole("button", { name, exact: true }).click();
  await page.getByRole("status").filter({ hasText: `Done: ${name}`.toLowerCase() }).or(page.getByRole("status").filter({ hasText: `Done: ${name}` })).waitFor();
}

const inLobby = { "Room; empty for everywhere": "lobby", "Minutes; empty for no end": "5", Reason: "for the test" };

test("kick: the user hears why and is out of the room, and may come back", async (t) => {
  const ada = await user(t, "kicked");
  const page = await enter(t, "#/users/kicked");
  const [left, moderated] = [event(ada, "left"), event(ada, "moderated")];
  await press(page, "Kick", inLobby);
  assert.equal((await left)[0], "lobby");
  const [{ action, reason, by }] = await moderated;
  assert.deepEqual([action, reason, by], ["kick", "for the test", null]);
  assert.equal((await ada.emitWithAck("publish", "lobby", 1)).error.code, "not_joined");
  content(page);
});

test("mute and unmute: what the user says is refused, and then not", async (t) => {
  const ada = await user(t, "muted");
  const page = await enter(t, "#/users/muted");
  const told = new Inbox(ada, "moderated");
  await press(page, "Mute", inLobby);
  await told.until((items) => items.some(([{ action }]) => action === "mute"), "mute");
  const { error } = await ada.emitWithAck("publish", "lobby", 1);
  assert.deepEqual([error.code, error.reason], ["muted", "for the test"]);
  assert.ok(error.until > Date.now() + 60_000);
  await press(page, "Unmute", inLobby);
  await told.until((items) => items.some(([{ action }]) => action === "unmute"), "unmute");
  assert.ok((await ada.emitWithAck("publish", "lobby", 1)).ok);
  content(page);
});

test("ban and unban, everywhere: no room is open, and then every one is", async (t) => {
  const ada = await user(t, "banned");
  const page = await enter(t, "#/users/banned");
  const told = new Inbox(ada, "moderated");
  const left = event(ada, "left");
  await press(page, "Ban");
  assert.equal((await left)[0], "lobby");
  await told.until((items) => items.some(([{ action, room }]) => action === "ban" && room === null), "ban");
  assert.equal((await ada.emitWithAck("join", "lobby")).error.code, "banned");
  await press(page, "Unban");
  await told.until((items) => items.some(([{ action }]) => action === "unban"), "unban");
  await until(async () => (await ada.emitWithAck("join", "lobby")).ok, "the lobby to be open");
  content(page);
});

test("disconnect: the connection ends, and leaves the list", async (t) => {
  const ada = await user(t, "disconnected");
  const page = await enter(t, "#/users/disconnected");
  await page.getByRole("cell", { name: ada.id, exact: true }).waitFor();
  const gone = event(ada, "disconnect");
  await press(page, "Disconnect");
  assert.equal((await gone)[0], "io server disconnect");
  await page.getByText("This user has no connection.").waitFor();
  content(page);
});

test("revoke: the token opens nothing any more", async (t) => {
  const auth = { token: token({ sub: "revoked" }) };
  const ada = await join(t, nodes[1].url, { auth });
  const page = await enter(t, "#/users/revoked");
  const [told, gone] = [event(ada, "token:revoked"), event(ada, "disconnect")];
  await press(page, "Revoke tokens");
  assert.equal((await told)[0].code, "token_revoked");
  await gone;
  for (const node of nodes) assert.equal((await refusal(open(t, node.url, { auth }))).data.code, "token_revoked");
  content(page);
});

test("send an event to the user whose page it is", async (t) => {
  const ada = await user(t, "addressed");
  const inbox = new Inbox(ada, "notice");
  const page = await enter(t, "#/users/addressed");
  await page.locator("main").getByRole("link", { name: "Send", exact: true }).click();
  assert.equal(await page.getByLabel("Name of it").inputValue(), "addressed");
  await page.getByLabel("Arguments, as a JSON array").fill('[{"at": 7}, null]');
  await page.getByRole("button", { name: "Send", exact: true }).click();
  assert.deepEqual(await inbox.count(1), [[{ at: 7 }, null]]);
  content(page);
});

test("redeliver: what was dead reaches the back end", async (t) => {
  const page = await enter(t, "#/webhooks");
  const row = page.getByRole("row").filter({ hasText: "crm" });
  await user(t, "somebody", "told");
  await until(async () => await row.getByRole("button", { name: "Redeliver" }).isEnabled(), "something dead", 40_000);
  receiver.answer = () => ({ status: 204 });
  const before = receiver.requests.length;
  await row.getByRole("button", { name: "Redeliver" }).click();
  await page.getByRole("status").filter({ hasText: "What was dead of crm is delivered again." }).waitFor();
  await receiver.until(() => receiver.requests.slice(before).some(({ status, body }) => status === 204 && body.data.room === "told"), "the event");
  await until(async () => (await row.getByRole("cell").nth(5).textContent()) === "0", "nothing dead", 40_000);
  assert.deepEqual(receiver.faults, []);
  content(page);
});

test("a user: connections with rates, the position in histories, rights with the rule that decides", async (t) => {
  const ada = await user(t, "watched");
  const bob = await user(t, "bob");
  const page = await enter(t, "#/users/watched");
  for (let i = 0; i < 3; i++) assert.ok((await bob.emitWithAck("publish", "lobby", { text: `${i}` })).ok);
  const { seq } = await ada.emitWithAck("publish", "lobby", { text: "mine" });
  await bob.emitWithAck("publish", "lobby", { text: "unread" }, { mentions: ["watched"] });
  const markers = page.getByRole("table", { name: "Position in histories" });
  await markers.getByRole("row", { name: `lobby ${seq} ${seq + 1} 1 1` }).waitFor();
  const connection = page.getByRole("row").filter({ hasText: ada.id });
  let on = true;
  t.after(() => (on = false));
  void (async () => {
    while (on) await ada.timeout(5_000).emitWithAck("typing", "lobby", true).catch(() => (on = false));
  })();
  await until(async () => /[1-9][\d,.]*\/s \/ [1-9][\d,.]*\/s/.test(await connection.textContent()), "rates in both directions");
  await page.getByRole("row").filter({ hasText: "publish lobby" }).getByText("auth.defaults.rooms.publish").waitFor();
  content(page);
});
