// No secret in what a node prints or answers.
import assert from "node:assert/strict";
import { test } from "node:test";
import { chorus, environment, startNode } from "./harness/chorus.js";
import { join, open, refusal } from "./harness/client.js";
import { startRedis } from "./harness/redis.js";
import { token as sign } from "./harness/token.js";

const MARKER = "hunter2-MARKER-of-a-secret-that-is-long-enough";

test("a node that runs shows no secret in its log, its metrics and its answers", async (t) => {
  const redis = await startRedis(t);
  const node = await startNode(t, redis, { CHORUS_AUTH_SECRETS: MARKER, CHORUS_AUTH_SECRET: `${MARKER}-2`, CHORUS_LOG_LEVEL: "debug" });
  const token = sign({ sub: "ada" }, { secret: MARKER });
  await join(t, node.url, { auth: { token } });
  await refusal(open(t, node.url, { auth: { token: `${token}x` } }));
  const answers = [];
  for (const path of ["/metrics", "/healthz", "/readyz"]) answers.push(await (await fetch(node.admin + path)).text());
  assert.equal(await node.stop(), 0);
  for (const text of [node.output, ...answers]) {
    assert.ok(text.length > 0);
    for (const secret of [MARKER, token.split(".")[2]]) assert.ok(!text.includes(secret), text);
  }
});

test("a node that cannot use Redis shows no password", async (t) => {
  const redis = await startRedis(t);
  const { host } = new URL(redis.url);
  const cases = [
    { CHORUS_CLUSTER_REDIS_URL: `redis://user:${MARKER}@${host}` },
    { CHORUS_CLUSTER_REDIS_URL: redis.url, CHORUS_CLUSTER_REDIS_USERNAME: "user", CHORUS_CLUSTER_REDIS_PASSWORD: MARKER },
    { CHORUS_CLUSTER_REDIS_URL: `redis+sentinel://user:${MARKER}@${host}/chat`, CHORUS_CLUSTER_REDIS_SENTINEL_PASSWORD: MARKER },
    { CHORUS_CLUSTER_REDIS_URL: `redis://127.0.0.1:1/?password=${MARKER}` },
  ];
  await Promise.all(
    cases.map(async (settings) => {
      const { code, output } = await chorus(t, ["serve"], { ...environment(), ...settings, CHORUS_LOG_LEVEL: "debug" });
      assert.equal(code, 1, output);
      assert.ok(!output.includes(MARKER), output);
    }),
  );
});
