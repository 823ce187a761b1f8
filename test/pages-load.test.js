// The dashboard of a cluster with many connections and rooms. CONNECTIONS and ROOMS make them more.
import assert from "node:assert/strict";
import { test } from "node:test";
import { content, openPage, startBrowser } from "./harness/browser.js";
import { BINARY } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { makeKey, startOperated } from "./harness/operators.js";
import { run } from "./harness/program.js";
import { startRedis } from "./harness/redis.js";
import { SECRET, token } from "./harness/token.js";
import { longestTask } from "./harness/tracing.js";
import { until } from "./harness/wait.js";

const CONNECTIONS = Number(process.env.CONNECTIONS ?? 1_000);
const ROOMS = Number(process.env.ROOMS ?? 10_000);
const PER_NODE = 9_000; // a process may have 20,000 descriptors here, of which a node keeps half for the other nodes
const MOST_MS = 200;
const LONG_MS = 700_000; // to connect them all

test(`${CONNECTIONS} connections, ${ROOMS} rooms: no task of the page takes more than ${MOST_MS} ms`, { timeout: 2 * LONG_MS }, async (t) => {
  const browser = await startBrowser(t);
  const redis = await startRedis(t);
  const ops = await makeKey(t, "ops", "admin:read");
  const nodes = await startOperated(t, Math.max(2, Math.ceil(CONNECTIONS / PER_NODE)), redis, [ops], "max_rooms: 2000\n");
  const share = Math.ceil(CONNECTIONS / nodes.length);
  const taken = Math.min(share, ROOMS);
  const crowds = nodes.map(({ url }) => run(t, BINARY, [
    "bench", url, "--connections", `${share}`, "--senders", "0", "--rooms", `${taken}`, "--join-event", "join", "--duration", "1h",
  ], { CHORUS_AUTH_SECRET: SECRET }));
  const api = async (path) => (await fetch(`${nodes[0].admin}/api/v1${path}`, { headers: { Authorization: `Bearer ${ops.key}` } })).json();
  const counted = async () => (await api("/nodes")).nodes.reduce((sum, { connections }) => sum + connections, 0);
  await until(async () => !crowds.some(({ ended }) => ended) && (await counted()) >= CONNECTIONS, `${CONNECTIONS} connections`, LONG_MS).catch(async (err) => {
    throw new Error(`${err.message}: ${await counted()}\n${crowds.map(({ output }) => output.slice(-300)).join("\n")}`);
  });
  // What clients of the crowd are not in.
  for (let at = taken; at < ROOMS; at += 1_000) {
    const socket = await join(t, nodes[0].url, { auth: { token: token({ sub: `collector ${at}` }) } });
    const answers = await Promise.all(Array.from({ length: Math.min(1_000, ROOMS - at) }, (_, i) => socket.emitWithAck("join", `more ${at + i}`)));
    assert.ok(answers.every(({ ok }) => ok), JSON.stringify(answers.find(({ ok }) => !ok)));
  }

  const page = await openPage(t, browser, `${nodes[0].admin}/admin/`);
  const watched = async (what, action) => {
    const { cpu, wall } = await longestTask(browser, page, action);
    t.diagnostic(`${what}: the longest task worked ${cpu.toFixed(0)} ms (${wall.toFixed(0)} ms by the clock)`);
    assert.ok(cpu < MOST_MS, `${what}: a task of ${cpu} ms`);
  };
  await watched("the overview", async () => {
    await page.getByLabel("API key").fill(ops.key);
    await page.getByRole("button", { name: "Sign in" }).click();
    await until(async () => (await page.locator("tr[data-node]").count()) === nodes.length && (await page.locator(".uplot canvas").count()) >= 3, "the overview");
    await until(async () => {
      const cells = await page.locator("tr[data-node] td:nth-of-type(2)").allTextContents();
      return cells.reduce((sum, text) => sum + Number(text.replaceAll(",", "")), 0) >= CONNECTIONS;
    }, "all connections to be counted");
  });
  await watched("the rooms, page by page", async () => {
    await page.getByRole("link", { name: "Rooms", exact: true }).click();
    for (let i = 0; i < 5; i++) {
      const first = await page.locator("tbody a").first().textContent();
      await page.getByRole("button", { name: "Next page" }).click();
      await until(async () => (await page.locator("tbody a").count()) === 100 && (await page.locator("tbody a").first().textContent()) !== first, "the next page");
    }
    await page.getByLabel("Rooms that begin with").fill("more 99");
    await until(async () => (await page.locator("tbody a").first().textContent()).startsWith("more 99"), "the rooms that were looked for");
  });
  await watched("the users", async () => {
    await page.getByRole("link", { name: "Users", exact: true }).click();
    await until(async () => (await page.locator("tbody tr").count()) === 100, "a page of users");
    await page.getByRole("button", { name: "Next page" }).click();
    await until(async () => (await page.locator("tbody tr").count()) === 100, "the next page");
    await page.locator("tbody a").first().click();
    await page.getByRole("heading", { name: "Actions" }).waitFor();
  });
  content(page);
});
