// The chat page: rooms are found, moderated, and the page is embedded in another one.
import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { before, test } from "node:test";
import { accessible, content, fits, openPage, startBrowser } from "./harness/browser.js";
import { entered, hears, log, rows, said, say, sent, signInWith, status } from "./harness/chatpage.js";
import { startWith } from "./harness/chorus.js";
import { cleanup, sharedByTests } from "./harness/cleanup.js";
import { join } from "./harness/client.js";
import { startDev } from "./harness/dev.js";
import { token } from "./harness/token.js";
import { until } from "./harness/wait.js";

const shared = sharedByTests();

let browser;
before(async () => {
  browser = await startBrowser(shared);
});

test("rooms are browsed: those that exist and that the token opens; one is made by its name", async (t) => {
  const dev = await startDev(t, ["--nodes", "2"]);
  const bob = await join(t, dev.nodes[1], { auth: { token: token({ sub: "bob", name: "Bob" }, { secret: dev.secret }) } });
  for (let i = 0; i < 60; i++) assert.ok((await bob.emitWithAck("join", `club ${String(i).padStart(2, "0")}`)).ok);
  assert.ok((await bob.emitWithAck("join", "<img src=x onerror=alert(1)>\u202E")).ok);
  const page = await openPage(t, browser, dev.nodes[0]);
  const rights = { rooms: { join: ["lobby", "club ?[0-9]*", "club*", "mine", "<*"] } };
  await signInWith(page, token({ sub: "alice", name: "Alice", chorus: rights }, { secret: dev.secret }));
  await entered(page);
  await bob.emitWithAck("join", "closed");

  await page.getByText("Browse rooms").click();
  const found = page.getByRole("list", { name: "Browse rooms" });
  await until(async () => (await found.getByRole("listitem").count()) === 50, "a page of rooms");
  await page.getByRole("button", { name: "More rooms" }).click();
  await until(async () => (await found.getByRole("listitem").count()) === 62, "the rest"); // the lobby as well
  assert.equal(await found.getByText("closed").count(), 0);
  await accessible(page);
  await fits(page);
  await page.getByLabel("Rooms that begin with").fill("club 1");
  await until(async () => (await found.getByRole("listitem").count()) === 10, "ten rooms");
  await found.getByRole("button", { name: /^club 17\s*1 person/ }).click();
  await page.getByRole("heading", { name: "club 17", level: 1 }).waitFor();
  await say(page, "hello, club");
  await hears(page, "hello, club");
  await page.getByLabel("Rooms that begin with").fill("nothing");
  await page.getByText("There is no such room that you may enter.").waitFor();

  await page.getByLabel("Room", { exact: true }).fill("mine");
  await page.getByRole("button", { name: "Join", exact: true }).click();
  await page.getByRole("heading", { name: "mine", level: 1 }).waitFor();
  await page.getByLabel("Rooms that begin with").fill("mi");
  await found.getByRole("button", { name: /^mine\s*1 person/ }).waitFor();
  content(page);
});

test("a moderator mutes, bans, slows and freezes, lifts it again, and is told of reports", async (t) => {
  const node = await startWith(t, 'chat: {rooms: [{match: "*", history: {messages: 100}}]}\n');
  const page = await openPage(t, browser, node.url);
  await signInWith(page, token({ sub: "mo", name: "Mo", chorus: { rooms: { moderate: ["lobby"] } } }));
  await entered(page);
  const ada = await openPage(t, browser, node.url);
  await signInWith(ada, token({ sub: "ada", name: "Ada" }));
  await entered(ada);
  assert.equal(await ada.getByText("Moderation").count(), 0);
  const members = page.getByRole("list", { name: "Members" });
  const act = async (name) => {
    const person = members.getByRole("listitem").filter({ hasText: "Ada" });
    if (!(await person.getByRole("button", { name }).isVisible().catch(() => false))) await person.getByText("Ada", { exact: true }).click();
    await person.getByRole("button", { name }).click();
  };
  await page.getByText("Moderation", { exact: true }).click();

  await act("Mute Ada for 10 minutes");
  await ada.getByText(/A moderator muted you until/).waitFor();
  await say(ada, "muted");
  await ada.getByRole("alert").filter({ hasText: /Not sent: .*muted/ }).waitFor();
  await page.getByRole("button", { name: "Let ada write again" }).click();
  await ada.getByText("You may write again").waitFor();
  await ada.getByRole("button", { name: "Send again" }).click();
  await hears(page, "muted");

  await page.getByRole("button", { name: "Freeze the room" }).click();
  await ada.getByText("The room is frozen").waitFor();
  await say(ada, "frozen");
  await ada.getByRole("alert").filter({ hasText: /Not sent: .*frozen/ }).waitFor();
  await page.getByRole("button", { name: "Open the room again" }).click();
  await ada.getByText("The room is open again").waitFor();
  await ada.getByRole("button", { name: "Send again" }).click();
  await hears(page, "frozen");

  await page.getByLabel("Time between two messages of a user").selectOption({ label: "5 minutes" });
  await ada.getByText("Slow mode is on").waitFor();
  await say(ada, "the first one is taken");
  await hears(page, "the first one");
  await say(ada, "the second one waits");
  await log(ada).getByText("Waiting to be sent").waitFor();
  await page.getByLabel("Time between two messages of a user").selectOption({ label: "none" });
  await ada.getByText("Slow mode is off").waitFor();

  await say(page, "something bad");
  await rows(ada).filter({ hasText: "something bad" }).hover();
  ada.once("dialog", (dialog) => void dialog.accept("it is bad"));
  await rows(ada).filter({ hasText: "something bad" }).getByRole("button", { name: "Report" }).click();
  await page.getByText("lobby: ada reported a message: it is bad").waitFor();

  await act("Ban Ada");
  await ada.getByRole("alert").filter({ hasText: /no longer in this room/ }).waitFor();
  await ada.getByRole("button", { name: "Try again" }).click();
  await ada.getByRole("alert").filter({ hasText: /You cannot enter this room: / }).waitFor();
  await accessible(page);
  await page.getByRole("button", { name: "Lift the ban of ada" }).click();
  await ada.getByText("A moderator lifted your ban").waitFor();
  await ada.getByRole("button", { name: "Try again" }).click();
  await hears(ada, "something bad");
  await act("Remove Ada from the room");
  await ada.getByRole("alert").filter({ hasText: /no longer in this room/ }).waitFor();
  content(page, ada);
});

test("what was missed and is kept no more is said, and the room goes on behind the gap", async (t) => {
  const node = await startWith(t, 'chat: {rooms: [{match: "*", history: {messages: 5}}]}\n');
  const page = await openPage(t, browser, node.url);
  await signInWith(page, token({ sub: "ada", name: "Ada" }));
  await entered(page);
  await say(page, "before");
  await sent(page, "before");
  await page.context().setOffline(true);
  await status(page).filter({ hasText: "this device is offline" }).waitFor();
  const bob = await join(t, node.url, { auth: { token: token({ sub: "bob" }) } });
  assert.ok((await bob.emitWithAck("join", "lobby")).ok);
  for (let i = 0; i < 40; i++) assert.ok((await bob.emitWithAck("publish", "lobby", { text: `meanwhile ${i}` })).ok);
  await page.context().setOffline(false);
  await page.getByText("Some messages are too old").waitFor();
  assert.deepEqual(await said(page), [35, 36, 37, 38, 39].map((i) => `meanwhile ${i}`));
  assert.equal(await page.getByText("Nothing was missed").count(), 0);
  await say(page, "after");
  await hears(page, "after");
  content(page);
});

test("a page that embeds this one gives it new tokens; others may not embed it", async (t) => {
  let made = 0;
  const fresh = () => token({ sub: "ada", name: "Ada", jti: `${++made}` }, { expiresIn: 4 });
  let frame;
  const host = createServer((request, answer) => {
    if (request.url === "/token") return answer.end(fresh());
    answer.setHeader("Content-Type", "text/html");
    return answer.end(`<!doctype html><title>host</title><link rel="icon" href="data:,"><iframe title="chat" width="900" height="700" src="${frame}"></iframe>
<script>
  addEventListener("message", async ({ origin, source, data }) => {
    if (origin !== ${JSON.stringify(frame)} || data.type !== "chorus:token-needed") return;
    const token = await (await fetch("/token")).text();
    source.postMessage({ type: "chorus:token", token }, origin);
  });
</script>`);
  });
  host.listen(0, "127.0.0.1");
  await once(host, "listening");
  cleanup(t, () => new Promise((done) => {
    host.close(done);
    host.closeAllConnections();
  }));
  const port = host.address().port;
  const node = await startWith(t, `pages: {frame_ancestors: ["http://127.0.0.1:${port}"]}\nauth: {expiry_notice: 2s}\n`);
  frame = node.url;
  const page = await openPage(t, browser, `http://127.0.0.1:${port}/`);
  const chat = page.frameLocator("iframe");
  await chat.getByLabel("Token", { exact: true }).fill(fresh());
  await chat.getByRole("button", { name: "Sign in" }).click();
  await chat.getByRole("status").filter({ hasText: "Connected" }).waitFor();
  await until(() => made >= 4, "three renewals", 30_000);
  await chat.getByLabel("Message", { exact: true }).fill("still here");
  await chat.getByRole("button", { name: "Send", exact: true }).click();
  await chat.getByRole("log", { name: "Messages" }).locator("[data-id]").filter({ hasText: "still here" }).waitFor();
  assert.equal(await chat.getByText("Your token ends soon.").count(), 0);
  content(page);

  const stranger = await openPage(t, browser, `http://localhost:${port}/`); // another origin
  await until(() => stranger.complaints.some((line) => /frame-ancestors|Refused to frame|Framing/.test(line)), "the refusal");
  assert.equal(await stranger.frameLocator("iframe").getByLabel("Token", { exact: true }).count(), 0);
});
