// The tests of docs.test.js: the code blocks of the documentation, each run by a test that takes it from its page.
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join as joinPath } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { BINARY, addresses, environment, startNode } from "./chorus.js";
import { Inbox, join } from "./client.js";
import { Ledger, root } from "./markdown.js";
import { run } from "./program.js";
import { SECRET, token } from "./token.js";
import { until, within } from "./wait.js";

const ledger = new Ledger();
const here = fileURLToPath(new URL("../", import.meta.url));
const { PATH, HOME, GOFLAGS = "" } = process.env;
const system = { PATH, HOME, GOFLAGS };
const SLOW_MS = 300_000; // for commands that build

/** folder returns a new directory, which goes with the test. Below the tests Node.js finds the official client. */
function folder(t, below = here) {
  const path = mkdtempSync(joinPath(below, ".printed-"));
  t.after(() => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** shell runs commands in a directory. Their secrets are those of a test unless they set them. */
function shell(t, commands, directory, env = {}) {
  return run(t, "bash", ["--norc", "--noprofile", "-euo", "pipefail", "-c", `cd "$1"\n${commands}`, "bash", directory], { ...system, ...env }, { group: true });
}

/** succeeds waits for the end of a program and returns what it has printed. */
async function succeeds(program) {
  assert.equal(await within(program.exited, "the end of the command", SLOW_MS), 0, program.output);
  return program.output.trim();
}

/** snippet runs code for Node.js, behind what the page has said before. */
function snippet(t, before, code, env = {}) {
  const path = joinPath(folder(t), "snippet.mjs");
  writeFileSync(path, `${before}\n${code}`);
  return run(t, process.execPath, [path], { ...env });
}

const says = (text) => (line) => (line.includes(text) ? true : undefined);

/** cluster waits until make run, or chorus dev, is up, and returns the tokens and the secret that it prints. */
async function cluster(program) {
  await until(() => program.ended || program.output.includes("Ctrl-C"), "the cluster", SLOW_MS);
  assert.ok(!program.ended, program.output);
  return {
    tokens: [...program.output.matchAll(/token\n +(\S+)$/gm)].map(([, value]) => value),
    secret: /secret +(\S+)/.exec(program.output)[1],
  };
}

/** checkout returns a fresh clone of the repository. */
async function checkout(t) {
  const path = joinPath(folder(t, tmpdir()), "chorus");
  await succeeds(run(t, "git", ["clone", "-q", root, path], system));
  return path;
}

/** onlyWith returns a PATH with these programs alone. */
function onlyWith(t, ...names) {
  const path = folder(t, tmpdir());
  for (const name of names) symlinkSync(execFileSync("/bin/sh", ["-c", 'command -v "$1"', "sh", name], { encoding: "utf8" }).trim(), joinPath(path, name));
  return path;
}

/** redisServer starts a Redis at its usual port, as the pages have it. */
async function redisServer(t) {
  const redis = run(t, "redis-server", ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]);
  await redis.line(says("Ready to accept connections"), "Redis");
  return redis;
}

test("make run needs nothing but Go; the README's snippets talk to it, and emit and bench reach it", async (t) => {
  const clone = await checkout(t);
  const make = shell(t, ledger.take("README.md", "make run"), clone, {
    PATH: onlyWith(t, "make", "bash", "sh", "go", "git", "find"),
  });
  const { tokens, secret } = await cluster(make);
  const [alice, bob] = tokens;
  const listener = await join(t, "http://localhost:3001", { auth: { token: bob } });
  const inbox = new Inbox(listener, "message");

  const first = snippet(t, "const token = process.env.TOKEN;", ledger.take("README.md", "auth: { token }"), { TOKEN: alice });
  await first.line(says("received { text: 'hello, everybody' }"), "its own message");
  await inbox.until((items) => items.some(([value]) => value.text === "hello, everybody"), "the message on another node");
  const refused = snippet(t, 'const token = "none";', ledger.take("README.md", "auth: { token }"));
  await refused.line(says("Authentication error {"), "the refusal");

  const before = 'import { io } from "socket.io-client";\nconst socket = io("http://localhost:3000", { auth: { token: process.env.TOKEN } });';
  const inRoom = snippet(t, before, ledger.take("README.md", "hello, lobby"), { TOKEN: alice });
  await inRoom.line(says("lobby dev-Alice { text: 'hello, lobby' }"), "its own message in the room");

  assert.equal((await listener.emitWithAck("join", "lobby")).ok, true);
  await succeeds(shell(t, ledger.take("README.md", "bin/chorus emit"), clone));
  await inbox.until((items) => items.some(([value]) => value.text === "hi"), "what chorus emit has sent");

  const bench = ledger.take("docs/measure.md", "bin/chorus bench http").replace("$(pgrep -d, -x chorus)", String(process.pid)); // that of a process that is certain to live
  const report = await succeeds(shell(t, `${bench.trim()} --duration 1s --warm-up 100ms --connections 20`, clone, { CHORUS_AUTH_SECRET: secret }));
  const rows = (text) => [...text.matchAll(/^(\S+(?: \S+)?)  +\S/gm)].map(([, name]) => name);
  assert.deepEqual(rows(report), rows(ledger.take("docs/measure.md", "generator CPU")), report);
});

test("the README's snippet for authentication by event", async (t) => {
  const dev = shell(t, "exec bin/chorus dev", root, { CHORUS_AUTH_MODE: "event" });
  const { tokens } = await cluster(dev);
  const code = ledger.take("README.md", '"authenticate"');
  await snippet(t, "const token = process.env.TOKEN;", code, { TOKEN: tokens[0] }).line(says("received hello, everybody"), "its own message");
  await snippet(t, 'const token = "none";', code).line(says("invalid_token"), "the refusal");
});

test("the README's commands make a token, and a node that takes it", async (t) => {
  const program = shell(t, ledger.take("README.md", "export CHORUS_AUTH_SECRET"), root, { CHORUS_LOG_FORMAT: "json" });
  const made = await program.line((line) => (/^eyJ\S+$/.test(line) ? line : undefined), "the token");
  await program.line(says('"msg":"listening"'), "the node");
  const alice = await join(t, "http://localhost:3000", { auth: { token: made } });
  assert.equal((await alice.emitWithAck("join", "user:alice")).ok, true);
});

for (const [name, text, path, command, ...args] of [
  ["Node.js", "jwt.sign", "issue.mjs", "node"],
  ["Python", "hmac.digest", "issue.py", "python3"],
  ["Go", "jwt.NewWithClaims", "main.go", "go", "run"],
]) {
  test(`a node accepts the token of the ${name} snippet, and knows its user`, async (t) => {
    const directory = folder(t); // where Node.js finds jsonwebtoken, and Go the module
    writeFileSync(joinPath(directory, path), ledger.take("docs/tokens.md", text));
    const made = await succeeds(shell(t, [command, ...args, joinPath(directory, path)].join(" "), root, { CHORUS_AUTH_SECRET: SECRET }));
    const node = await startNode(t);
    const ada = await join(t, node.url, { auth: { token: made } });
    assert.equal((await ada.timeout(10_000).emitWithAck("join", "user:ada")).ok, true); // nobody else may
  });
}

// Fragments of Go, each with what the page leaves out around it.
const fragments = [
  ["docs/program.md", "socket.NewServer", ["chorus/engine", "github.com/zishang520/socket.io/servers/socket/v3"], "func f(opts *socket.ServerOptions) {", "}"],
  ["docs/program.md", "session.OnRedis", ["chorus/adapter", "chorus/adapter/session", "chorus/adapter/streams", "github.com/redis/go-redis/v9", "github.com/zishang520/socket.io/servers/socket/v3"], "func f(client redis.UniversalClient, opts *socket.ServerOptions, io *socket.Server) {", "}"],
  ["docs/program.md", "auth.HTTP(", ["chorus/auth", "net/http"], "func f(verifier *auth.Verifier, handler http.Handler) {", "}"],
  ["docs/redis.md", "emitter.New", ["chorus/adapter/emitter", "context", "github.com/redis/go-redis/v9"], "func f(ctx context.Context, client redis.UniversalClient) error {", "return err\n}"],
  ["docs/architecture.md", "DrainConfig", ["time"], "", ""],
];

test("the Go program is a whole one in a module of its own, where the fragments compile too", async (t) => {
  const parent = folder(t, tmpdir());
  const module = joinPath(parent, "mine");
  symlinkSync(root.replace(/\/$/, ""), joinPath(parent, "chorus"));
  mkdirSync(module);
  // With what go mod tidy would add, so that Go asks no registry.
  const requirements = readFileSync(`${root}go.mod`, "utf8").replace(/^module .*/, "module mine");
  writeFileSync(joinPath(module, "go.mod"), `${requirements}\n${ledger.take("docs/program.md", "replace chorus")}\n`);
  copyFileSync(`${root}go.sum`, joinPath(module, "go.sum"));
  writeFileSync(joinPath(module, "main.go"), ledger.take("docs/program.md", "package main"));
  for (const [i, [page, text, imports, before, after]] of fragments.entries()) {
    mkdirSync(joinPath(module, `fragment${i}`));
    const head = `package fragment\n\nimport (\n${imports.map((name) => `"${name}"\n`).join("")})\n`;
    writeFileSync(joinPath(module, `fragment${i}`, "fragment.go"), [head, before, ledger.take(page, text), after].join("\n"));
  }
  await succeeds(shell(t, "go build -o program . && go build ./...", module, { GOFLAGS: `${GOFLAGS} -trimpath`, GOPROXY: "off", CGO_ENABLED: "0" })); // flags as those of make build, for its cache

  const program = shell(t, "exec ./program", module);
  const claims = { sub: "ada" };
  const secret = "a secret of at least 32 bytes: change it";
  await until(async () => (await fetch("http://localhost:3000/healthz").catch(() => ({}))).ok || program.ended, "the program");
  const [ada, bob] = [await join(t, "http://localhost:3000", { auth: { token: token(claims, { secret }) } }), await join(t, "http://localhost:3000", { auth: { token: token({ sub: "bob" }, { secret }) } })];
  const inbox = new Inbox(bob, "moved");
  assert.equal(await ada.emitWithAck("move", { x: 1 }), "ok");
  assert.deepEqual(await inbox.count(1), [[{ x: 1 }]]);
});

test("every configuration is one that chorus check takes", async (t) => {
  const keysOf = (yaml) => [...yaml.matchAll(/^(\w+):/gm)].map(([, key]) => key);
  const earlier = [];
  for (const { page, code: printed } of ledger.takeAll("yaml")) {
    const code = printed.replace("9f2c...", "9f2c".repeat(16)); // a hash is too long to be printed
    // Behind what the page has said about other things.
    const before = earlier.filter((other) => other.page === page && !keysOf(other.code).some((key) => keysOf(code).includes(key)));
    const whole = [...before.map((other) => other.code), code].join("\n");
    earlier.push({ page, code });
    const directory = folder(t, tmpdir());
    writeFileSync(joinPath(directory, "chorus.yaml"), whole);
    const check = shell(t, `exec ${root}bin/chorus check --config chorus.yaml`, directory, {
      ...(/\bsecret:/.test(whole) ? {} : { CHORUS_AUTH_SECRET: SECRET }), ...(/\bredis:/.test(whole) ? {} : { CHORUS_CLUSTER_REDIS_URL: "redis://localhost:6379" }),
    });
    assert.equal(await within(check.exited, "chorus check"), 0, `${page}:\n${whole}\n${check.output}`);
  }
});

test("the error of the page about the configuration is the one that there is", async (t) => {
  const printed = ledger.take("docs/configuration.md", "did you mean");
  const directory = folder(t, tmpdir());
  writeFileSync(joinPath(directory, "chorus.yaml"), `auth:\n  secrte: "${SECRET}"\nlisten: :3000\npath: /socket.io/\nping_interval: soon\n`);
  const check = shell(t, `exec ${root}bin/chorus check --config chorus.yaml`, directory);
  assert.equal(await within(check.exited, "chorus check"), 1);
  for (const part of printed.trim().split("; configuration: ")) assert.ok(check.output.includes(part.replace(/^chorus: configuration: /, "")), `${part}\n${check.output}`);
});

test("shells complete chorus", async (t) => {
  const [bash, fish] = ledger.take("docs/configuration.md", "completion bash").trim().split("\n");
  const path = { PATH: `${root}bin:${PATH}` };
  assert.match(await succeeds(shell(t, `${bash}\ncomplete -p chorus`, root, path)), /chorus/);
  assert.match(await succeeds(shell(t, fish.split("|")[0], root, path)), /complete/); // without fish itself
});

test("the nodes of the page about containers are one cluster, and emit and the ACL are for its Redis", async (t) => {
  await redisServer(t);
  const acl = ledger.take("docs/redis.md", "--redis-acl | sed");
  const directory = folder(t, tmpdir());
  symlinkSync(`${root}bin`, joinPath(directory, "bin"));
  writeFileSync(joinPath(directory, "password"), "a-password");
  const settings = { CHORUS_AUTH_SECRET: SECRET, CHORUS_CLUSTER_REDIS_URL: "redis://localhost:6379" };
  assert.equal(await succeeds(shell(t, acl, directory, settings)), "OK");
  const printed = await succeeds(shell(t, "bin/chorus check --redis-acl", directory, settings));
  assert.equal(printed, ledger.take("docs/redis.md", "ACL SETUSER").trim());

  const nodes = ledger.take("docs/containers.md", "bin/chorus serve").trim().split("\n")
    .map((command) => shell(t, `exec ${command}`, root, { CHORUS_AUTH_SECRET: SECRET, CHORUS_LOG_FORMAT: "json" }));
  for (const node of nodes) await node.line(says('"msg":"listening"'), "a node");
  const clients = [await join(t, "http://localhost:3001"), await join(t, "http://localhost:3002")];
  for (const client of clients) assert.equal((await client.emitWithAck("join", "lobby")).ok, true);
  const inboxes = clients.map((client) => new Inbox(client, "message"));
  await succeeds(shell(t, ledger.take("docs/redis.md", "bin/chorus emit"), root, { CHORUS_CLUSTER_REDIS_URL: "redis://localhost:6379" }));
  for (const inbox of inboxes) assert.deepEqual(await inbox.count(1), [[{ text: "hi" }]]);
});

test("clients are told when Redis is away, with the readiness of the page", async (t) => {
  const redis = await redisServer(t);
  const node = await startNode(t, { url: "redis://127.0.0.1:6379" }, { CHORUS_CLUSTER_ANNOUNCE: "true" });
  const before = `import { io } from "socket.io-client";
const banner = { show: (message) => console.log("show", message), hide: () => console.log("hide") };
const socket = io("${node.url}", { auth: { token: "${token()}" } });
socket.on("connect", () => console.log("connected"));`;
  const page = snippet(t, before, ledger.take("docs/redis.md", "cluster:degraded"));
  await page.line(says("connected"), "the client");
  await until(async () => (await fetch(`${node.url}/readyz`)).status === 200, "ready");
  await redis.stop("SIGKILL");
  await page.line(says("show "), "the banner");
  const body = await (await fetch(`${node.url}/readyz`)).json();
  const printed = JSON.parse(ledger.take("docs/redis.md", '"status":"unavailable"'));
  assert.equal(body.status, printed.status);
  for (const name of Object.keys(printed.checks)) assert.ok(name in body.checks, `${name}: ${JSON.stringify(body)}`);
  assert.match(body.checks.redis, /^adapter: redis is not available: /);
  await redisServer(t);
  await page.line(says("hide"), "the end of the banner");
});

test("the snippets of the page about chat", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_CHAT_ROOMS: '[{match: "team-*", history: {messages: 100, age: 1h}}]', CHORUS_LOG_LEVEL: "debug" });
  const before = `import { io } from "socket.io-client";
const [url, token] = ["${node.url}", "${token({ sub: "ada", name: "Ada" })}"];
const show = (...args) => console.log("shown", ...args);`;
  const first = snippet(t, before, `${ledger.take("docs/chat.md", "ackTimeout")}\nconsole.log("joined", messages.length, cursor, members.users[0].id);`);
  await first.line(says("joined 0"), "the answer");
  await first.line(says("shown team-red Ada { text: 'hello' }"), "the message");

  const again = `import { io } from "socket.io-client";
let cursor;
let turns = 0;
const room = "team-red";
const clear = () => console.log("cleared");
const show = ({ value }) => console.log("shown", value.text);
const socket = io("${node.url}", { auth: { token: "${token({ sub: "bob" })}" }, reconnectionDelay: 10 });
`;
  const after = `
socket.on("connect", async () => {
  await socket.emitWithAck("publish", room, { text: "turn " + ++turns });
  if (turns === 1) socket.io.engine.close(); // it reconnects, and asks for what it has missed
});`;
  const resuming = snippet(t, again, ledger.take("docs/chat.md", "cursor ? { since") + after);
  await resuming.line(says("shown hello"), "the history");
  await resuming.line(says("shown turn 1"), "what was said since");
});

test("the program for the HTTP API, with a key of the command", async (t) => {
  const directory = folder(t, tmpdir());
  const made = await succeeds(shell(t, `PATH=${root}bin:$PATH\n${ledger.take("docs/api.md", "chorus api key shop")}`, directory));
  const [[key], [hash]] = [/chk_\S+/.exec(made), /(?<=hash: )[0-9a-f]{64}/.exec(made)];
  writeFileSync(joinPath(directory, "chorus.yaml"), ledger.take("docs/api.md", "9f2c...").replace("9f2c...", hash));
  const program = run(t, BINARY, ["serve", "--config", joinPath(directory, "chorus.yaml")], environment(undefined, { CHORUS_ADMIN_LISTEN: "127.0.0.1:3900" }));
  const node = await addresses(program);
  const ada = await join(t, node.url, { auth: { token: token({ sub: "ada" }) } });
  assert.equal((await ada.emitWithAck("join", "team/blue")).ok, true);
  const inbox = new Inbox(ada, "publish");
  writeFileSync(joinPath(directory, "program.py"), ledger.take("docs/api.md", "urllib.request"));
  const output = await succeeds(shell(t, "python3 program.py", directory, { CHORUS_API_KEY: key }));
  assert.match(output, /^said \S+\nada 1$/);
  const [[room, value, meta]] = await inbox.count(1);
  assert.deepEqual([room, value, meta.from], ["team/blue", { text: "hello" }, { id: "bot", name: "Bot" }]);
});

// What is run by another test.
const elsewhere = [
  ["docs/hook.md", "BaseHTTPRequestHandler", "hook.test.js"],
  ["docs/hook.md", "standardwebhooks", "hook.test.js"],
  ["docs/webhooks.md", "BaseHTTPRequestHandler", "webhooks.test.js"],
  ["docs/webhooks.md", "standardwebhooks", "webhooks.test.js"],
];

// What is not run, and why.
const listed = [
  ["docs/chat.md", "$ chorus why", "what the command prints for a configuration of one's own; its own tests have such answers"],
  ["docs/webhooks.md", "chorus webhooks redeliver", "webhooks.test.js runs these commands with targets of its own"],
  ["docs/hook.md", '"kitchen"', "an answer of a back end; hook.test.js has such answers"],
  ["README.md", "make test", "it is the suite of which this test is a part"],
  ["README.md", "flowchart", "a picture"],
  ["docs/architecture.md", "flowchart", "a picture"],
  ["docs/dashboard.md", "chorus api key ops", "pages-admin.test.js makes such keys"],
  ["README.md", "docker compose up", "it needs a Docker daemon"],
  ["docs/containers.md", "docker compose up --build", "it needs a Docker daemon"],
  ["docs/containers.md", "docker compose up -d --scale", "it needs a Docker daemon"],
  ["docs/operations.md", "level=INFO msg=\"handshake refused\"", "a line of a log; node/handshakes_test.go has its parts"],
  ["docs/hook.md", "import base64", "hook.test.js runs it"],
  ["docs/hook.md", 'import { Webhook }', "hook.test.js runs it"],
  ["docs/hook.md", '"order:new"', "an answer; hook.test.js has its like"],
  ["docs/webhooks.md", "import base64", "webhooks.test.js runs it"],
  ["docs/webhooks.md", 'import { Webhook }', "webhooks.test.js runs it"],
  ["docs/webhooks.md", "chorus webhooks redeliver crm --all", "webhooks.test.js runs these commands"],
  ["CONTRIBUTING.md", "make run", "targets of make: the README's test runs make run, and the others are suites"],
];

test("every code block is run, or listed with a reason", () => {
  for (const [page, text, file] of elsewhere) {
    assert.ok(readFileSync(joinPath(here, file), "utf8").includes(page), `${file} reads ${page}`);
    ledger.take(page, text);
  }
  for (const [page, text, reason] of listed) {
    assert.ok(reason);
    ledger.take(page, text);
  }
  assert.deepEqual(ledger.left().map(({ page, code }) => `${page}: ${code.split("\n")[0]}`), [], "add a test in harness/printed.js that takes the block");
});
