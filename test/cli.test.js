// The command line: what goes wrong is one line that says what to do.
import assert from "node:assert/strict";
import { test } from "node:test";
import jwt from "jsonwebtoken";
import { BINARY, chorus, environment, startNode } from "./harness/chorus.js";
import { join } from "./harness/client.js";
import { file } from "./harness/file.js";
import { run } from "./harness/program.js";
import { freePort, startRedis } from "./harness/redis.js";
import { SECRET } from "./harness/token.js";

test("what keeps a node from starting is one line that says what to do", async (t) => {
  const taken = await startNode(t);
  const takenAddress = new URL(taken.url).host;
  const nothingThere = `127.0.0.1:${await freePort()}`;
  const wrongKey = await file(t, "wrong-key.yaml", "auth:\n  secrte: x\n");
  const wrongValue = await file(t, "wrong-value.yaml", "ping_interval: soon\n");
  const noYaml = await file(t, "no.yaml", "auth: [\n");
  const good = environment();
  const cases = {
    "no secret": [{ ...good, CHORUS_AUTH_SECRET: "" }, [], /auth\.secret.*CHORUS_AUTH_SECRET.*openssl rand.*--insecure/],
    "a short secret": [{ ...good, CHORUS_AUTH_SECRET: "short" }, [], /secret.*5 bytes.*at least 32/],
    "a taken port": [{ ...good, CHORUS_LISTEN: takenAddress }, [], new RegExp(`listen: the address ${takenAddress} is taken.*CHORUS_LISTEN`)],
    "no Redis": [good, ["--redis", `redis://${nothingThere}`], new RegExp(`no answer from Redis at ${nothingThere}.*cluster\\.redis\\.url`)],
    "a Redis that is no URL": [good, ["--redis", "localhost"], /cluster\.redis\.url.*redis:\/\//],
    "an unknown variable": [{ ...good, CHORUS_AUTH_SECRTE: "x" }, [], /CHORUS_AUTH_SECRTE: there is no such setting/],
    "a bad value in a variable": [{ ...good, CHORUS_PING_TIMEOUT: "soon" }, [], /CHORUS_PING_TIMEOUT.*"soon".*30s/],
    "an unknown key": [good, ["-c", wrongKey], /auth\.secrte: there is no such setting/],
    "a bad value": [good, ["-c", wrongValue], /ping_interval.*"soon"/],
    "no YAML": [good, ["-c", noYaml], /no\.yaml/],
    "no such file": [good, ["-c", "/nowhere.yaml"], /\/nowhere\.yaml/],
    "an unknown setting in a flag": [good, ["--set", "auth.mod=event"], /auth\.mod: there is no such setting/],
    "an unknown mode": [good, ["--set", "auth.mode=evnt"], /auth\.mode: "evnt" is none of: handshake, event, both/],
    "an unknown algorithm": [good, ["--set", "auth.algorithms=none"], /none/],
    "an unknown flag": [good, ["--lisen", ":1"], /--lisen/],
  };
  for (const [name, [env, args, want]] of Object.entries(cases)) {
    const { code, lines, output } = await chorus(t, ["serve", ...args], env);
    assert.equal(code, name === "an unknown flag" ? 2 : 1, `${name}: ${output}`);
    assert.equal(lines.filter((line) => !line.startsWith("{")).length, 1, `${name}: one line, not\n${output}`);
    assert.match(output, want, name);
    assert.doesNotMatch(output, /goroutine|panic|\.go:\d/, name);
  }
});

test("serve with a short secret, or none, when it is told to", async (t) => {
  for (const secret of ["", "short"]) {
    const program = run(t, BINARY, ["serve", "--insecure"], { ...environment(), CHORUS_AUTH_SECRET: secret });
    await program.line((line) => (line.includes('"msg":"listening"') ? true : undefined), "listening");
    assert.equal(await program.stop(), 0);
  }
});

test("check: defaults, then the file, then variables, then flags; secrets masked", async (t) => {
  const path = await file(t, "chorus.yaml", "ping_interval: 1s\nping_timeout: 1s\npath: /file/\nauth:\n  secrets:\n    - a secret in a file, of more than 32 bytes\n");
  const env = { ...environment(), CHORUS_PING_TIMEOUT: "2s", CHORUS_PATH: "/variable/", CHORUS_CLUSTER_REDIS_URL: "redis+sentinel://me:hunter2@localhost:1,localhost:2/chat", CHORUS_CLUSTER_REDIS_PASSWORD: "hunter3", CHORUS_CLUSTER_REDIS_SENTINEL_PASSWORD: "hunter4" };
  const { code, output } = await chorus(t, ["check", "-c", path, "--set", "path=/flag/"], env);
  assert.equal(code, 0, output);
  for (const want of [/^ping_interval: 1s$/m, /^ping_timeout: 2s$/m, /^path: \/flag\/$/m, /^connect_timeout: 10s$/m, /adapter: pubsub/]) assert.match(output, want);
  for (const secret of [SECRET, "a secret in a file", "hunter"]) assert.ok(!output.includes(secret), `${secret} is shown`);

  const json = await chorus(t, ["check", "--json"], env);
  assert.equal(JSON.parse(json.output).cluster.adapter, "pubsub");
  const copied = await chorus(t, ["serve", "-c", await file(t, "copied.yaml", output)], { CHORUS_LISTEN: "127.0.0.1:0" });
  assert.equal(copied.code, 1);
  assert.match(copied.output, /auth\.secret: this is what chorus check shows instead of a secret/);

  const wrong = await chorus(t, ["check"], { ...env, CHORUS_AUTH_MODE: "x", CHORUS_LOG_LEVEL: "y" });
  assert.equal(wrong.code, 1);
  assert.match(wrong.output, /auth\.mode.*log\.level/, "all that is wrong at once");
});

test("a secret from a file", async (t) => {
  const path = await file(t, "secret", `${SECRET}\n`);
  const { CHORUS_AUTH_SECRET: _, ...env } = environment();
  const program = run(t, BINARY, ["serve"], { ...env, CHORUS_AUTH_SECRET_FILE: path });
  const { addr } = JSON.parse(await program.line((line) => (line.includes("listening") ? line : undefined), "listening"));
  await join(t, `http://${addr}`);
});

test("token", async (t) => {
  const env = { ...environment(), CHORUS_AUTH_ISSUER: "https://id.example", CHORUS_AUTH_AUDIENCE: "chat", CHORUS_AUTH_ALGORITHMS: "HS384" };
  const { code, output } = await chorus(t, ["token", "--sub", "ada", "--name", "Ada", "--ttl", "5m", "--claim", "admin=true", "--claim", "team=red"], env);
  assert.equal(code, 0, output);
  const claims = jwt.verify(output, SECRET, { algorithms: ["HS384"], issuer: env.CHORUS_AUTH_ISSUER, audience: "chat" });
  assert.deepEqual([claims.sub, claims.name, claims.admin, claims.team, claims.exp - claims.iat], ["ada", "Ada", true, "red", 300]);
  const node = await startNode(t, undefined, env);
  await join(t, node.url, { auth: { token: output } });

  for (const args of [["token"], ["token", "--sub", "x", "--ttl", "0s"], ["token", "--sub", "x", "--claim", "y"]]) {
    const refused = await chorus(t, args, environment());
    assert.equal(refused.code, 2);
    assert.equal(refused.lines.length, 1, refused.output);
  }
});

test("token check", async (t) => {
  const env = environment();
  const claim = JSON.stringify({ broadcast: false, rooms: { join: ["team-*"] } });
  const { output: good } = await chorus(t, ["token", "--sub", "ada", "--claim", `chorus=${claim}`], env);
  const fine = await chorus(t, ["token", "check", good, "--room", "team-red"], env);
  assert.equal(fine.code, 0, fine.output);
  for (const want of [/sub +"ada"/, /exp .* in 59 minutes/, /broadcast +no +claim chorus\.broadcast false/, /join +yes +claim chorus\.rooms\.join "team-\*"/, /publish +yes +auth\.defaults/]) assert.match(fine.output, want);

  const bad = {
    expired: [jwt.sign({ sub: "ada", exp: 1 }, SECRET), env, /good signature/, /token_expired.*days ago.*get a new one/],
    "of another secret": [jwt.sign({ sub: "ada" }, SECRET.replace("a", "b"), { expiresIn: "1h" }), env, /NOT VERIFIED/, /invalid signature.*auth\.secret/],
    "of another issuer": [good, { ...env, CHORUS_AUTH_ISSUER: "us" }, /good signature/, /it has no iss, and auth\.issuer is "us"/],
  };
  for (const [name, [text, settings, shows, says]] of Object.entries(bad)) {
    const { code, output, lines } = await chorus(t, ["token", "check", text], settings);
    assert.equal(code, 1, name);
    assert.match(output, shows, name);
    assert.equal(lines.filter((line) => line.startsWith("chorus: ")).length, 1, output);
    assert.match(output, says, name);
  }
  const nothing = await chorus(t, ["token", "check", "-"], env); // standard input is at its end
  assert.equal(nothing.code, 1);
  assert.match(nothing.output, /credentials_required/);
});

test("health and version", async (t) => {
  const redis = await startRedis(t);
  const node = await startNode(t, redis);
  const healthy = await chorus(t, ["health", node.url]);
  assert.equal(healthy.code, 0, healthy.output);
  await redis.stop();
  const sick = await chorus(t, ["health", node.url]);
  assert.equal(sick.code, 1);
  assert.match(sick.output, /not ready.*redis/);
  assert.equal((await chorus(t, ["health", `http://127.0.0.1:${await freePort()}`])).code, 1);
  assert.match((await chorus(t, ["version"])).output, /^chorus \S+ go1\./);
});
