// The life of a token, over three nodes: its end, its refresh, its revocation, its keys, and what it permits.
import assert from "node:assert/strict";
import { createHmac } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { describe, test } from "node:test";
import { chorus, environment, startNode, startNodes } from "./harness/chorus.js";
import { Inbox, connected, join, open, refusal } from "./harness/client.js";
import { file } from "./harness/file.js";
import { newKey, signWith, startIssuer } from "./harness/issuer.js";
import { startRedis } from "./harness/redis.js";
import { SECRET, token } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const now = () => Math.floor(Date.now() / 1000);
const quick = { CHORUS_AUTH_LEEWAY: "0s", CHORUS_AUTH_EXPIRY_NOTICE: "2s" };
const nobody = { auth: {} };

// enter returns a client that has authenticated, at the handshake or by event.
async function enter(t, url, mode, value, options = {}) {
  if (mode === "handshake") return join(t, url, { auth: { token: value }, ...options });
  const socket = await join(t, url, { ...nobody, ...options });
  socket.emit("authenticate", { token: value });
  await event(socket, "authenticated");
  return socket;
}

// refusedWith returns the code with which a token is refused.
async function refusedWith(t, url, mode, value, options = {}) {
  if (mode === "handshake") return (await refusal(open(t, url, { auth: { token: value }, ...options }))).data.code;
  const socket = await join(t, url, { ...nobody, ...options });
  socket.emit("authenticate", { token: value });
  const [error] = await event(socket, "unauthorized");
  return error.data.code;
}

// accepted tells whether a token opens the door.
async function accepted(t, url, value) {
  try {
    (await connected(open(t, url, { auth: { token: value } }))).disconnect();
    return true;
  } catch {
    return false;
  }
}

const metric = async (node, name) => {
  const text = await (await fetch(`${node.admin}/metrics`)).text();
  return Number(text.split("\n").find((line) => line.startsWith(`${name} `))?.split(" ")[1]);
};

for (const mode of ["handshake", "event"]) {
  describe(`a token that was shown in mode ${mode}`, () => {
    const settings = { ...quick, CHORUS_AUTH_MODE: mode };

    test("ends, and the socket with it, unless a new one comes", async (t) => {
      const nodes = await startNodes(t, 3, await startRedis(t), settings);
      const exp = now() + 4;
      const [ada, eve, bob] = await Promise.all([
        enter(t, nodes[0].url, mode, token({ exp })),
        enter(t, nodes[1].url, mode, token({ sub: "eve", exp }), { transports: ["polling"] }),
        enter(t, nodes[2].url, mode, token({ sub: "bob" })),
      ]);
      const inbox = new Inbox(ada, "message");
      const farewell = event(eve, "token:expired");
      const gone = event(eve, "disconnect");

      const [notice] = await event(ada, "token:expiring");
      assert.equal(notice.exp, exp);
      assert.ok(notice.seconds <= 2);
      const refused = await ada.emitWithAck("token:refresh", { token: token({ sub: "eve" }) });
      assert.deepEqual([refused.ok, refused.error.code], [false, "invalid_subject"]);
      assert.deepEqual(await ada.emitWithAck("token:refresh", { token: token({ exp: exp + 60 }) }), { ok: true, exp: exp + 60 });

      const [reason] = await farewell;
      assert.equal(reason.code, "token_expired");
      assert.equal((await gone)[0], "io server disconnect");
      assert.deepEqual(await bob.emitWithAck("message", "after the end"), { ok: true });
      assert.deepEqual(await inbox.count(1), [["after the end"]]);
    });

    test("is revoked on every node, by id, by subject, and by date", async (t) => {
      const redis = await startRedis(t);
      const nodes = await startNodes(t, 3, redis, settings);
      const iat = now() - 100;
      const cases = {
        "by id": { args: ["--id", "stolen"], claims: { jti: "stolen" }, other: { jti: "mine" } },
        "by subject": { args: ["--sub", "mallory"], claims: { sub: "mallory" }, other: {} },
        "by date": { args: ["--sub", "carol", "--before", new Date((iat + 50) * 1000).toISOString()], claims: { sub: "carol", iat }, other: { sub: "carol", iat: iat + 60 } },
      };
      for (const [name, { args, claims, other }] of Object.entries(cases)) {
        const victims = await Promise.all(nodes.map((node) => enter(t, node.url, mode, token(claims))));
        const spared = await enter(t, nodes[0].url, mode, token(other));
        const ends = victims.map((socket) => Promise.all([event(socket, "token:revoked"), event(socket, "disconnect")]));
        const began = Date.now();
        const { code, output } = await chorus(t, ["token", "revoke", ...args], environment(redis));
        assert.equal(code, 0, output);
        for (const [[farewell], [reason]] of await Promise.all(ends)) {
          assert.equal(farewell.code, "token_revoked", name);
          assert.equal(reason, "io server disconnect", name);
        }
        t.diagnostic(`${name}: all nodes ${Date.now() - began} ms after the command began`);
        for (const node of nodes) assert.equal(await refusedWith(t, node.url, mode, token(claims)), "token_revoked", name);
        assert.deepEqual(await spared.emitWithAck("message", "still here"), { ok: true }, name);
        assert.equal(await metric(nodes[2], "chorus_revocations"), Object.keys(cases).indexOf(name) + 1);
      }
    });
  });
}

test("revocations outlive a Redis that has lost everything", async (t) => {
  const redis = await startRedis(t);
  const nodes = await startNodes(t, 3, redis, quick);
  const revoke = (...args) => chorus(t, ["token", "revoke", ...args], environment(redis));
  const mallory = token({ sub: "mallory" });
  assert.equal((await revoke("--sub", "mallory")).code, 0);
  for (const node of nodes) await until(async () => !(await accepted(t, node.url, mallory)), "revoked");

  await redis.stop();
  const during = await revoke("--sub", "carol");
  assert.equal(during.code, 1, "nothing is revoked without Redis");
  assert.match(during.output, /redis/i);
  for (const node of nodes) assert.equal(await refusedWith(t, node.url, "handshake", mallory), "token_revoked", "known while Redis is away");
  await redis.start();
  for (const node of nodes) await until(async () => (await fetch(`${node.url}/readyz`)).ok, "ready again");

  const late = await startNode(t, redis, quick); // knows only what the others have put back
  await until(async () => !(await accepted(t, late.url, mallory)), "known to a new node");
  for (const node of nodes) assert.equal(await refusedWith(t, node.url, "handshake", mallory), "token_revoked");
  assert.equal((await revoke("--sub", "carol")).code, 0);
  for (const node of [...nodes, late]) await until(async () => !(await accepted(t, node.url, token({ sub: "carol" }))), "the next one is heard");
  assert.equal((await revoke("--sub", "carol", "--undo")).code, 0);
  for (const node of [...nodes, late]) await until(() => accepted(t, node.url, token({ sub: "carol" })), "undone");
});

describe("keys", () => {
  test("of every kind, as PEM", async (t) => {
    const keys = ["RS256", "PS256", "ES256", "ES384", "ES512", "EdDSA"].map(newKey);
    const path = await file(t, "keys.pem", keys.slice(1).map(({ pem }) => pem).join(""));
    const node = await startNode(t, undefined, { CHORUS_AUTH_SECRET: "", CHORUS_AUTH_PUBLIC_KEYS: `${path},${keys[0].pem}` });
    for (const key of keys) await join(t, node.url, { auth: { token: signWith(key) } });
    assert.equal(await refusedWith(t, node.url, "handshake", signWith(newKey("ES256"))), "invalid_token");
    assert.equal(await refusedWith(t, node.url, "handshake", token({}, { secret: keys[0].pem })), "invalid_token", "a public key is no secret");
    assert.equal(await refusedWith(t, node.url, "handshake", token()), "invalid_token", "no secret is configured");
  });

  test("of an issuer that changes them, goes down and comes back", async (t) => {
    const issuer = await startIssuer(t);
    const redis = await startRedis(t);
    const nodes = await startNodes(t, 3, redis, { CHORUS_AUTH_SECRET: "", CHORUS_AUTH_JWKS_URL: issuer.url });
    const everywhere = async (key, want, what) => {
      for (const node of nodes) await until(async () => (await accepted(t, node.url, signWith(key))) === want, what);
    };
    const first = issuer.keys[0];
    await everywhere(first, true, "the first key");
    const ada = await join(t, nodes[0].url, { auth: { token: signWith(first) } });
    assert.equal(await refusedWith(t, nodes[0].url, "handshake", token({}, { secret: first.pem })), "invalid_token", "a public key is no secret");

    const second = issuer.rotate("RS256", 1);
    await everywhere(second, true, "an unknown kid is looked up at once");
    await everywhere(first, true, "both keys");

    await issuer.stop();
    const third = issuer.rotate("EdDSA");
    await everywhere(second, true, "known keys while the issuer is down");
    await everywhere(third, false, "the issuer is down");
    assert.ok((await fetch(`${nodes[0].url}/readyz`)).ok, "ready with the keys that it has");

    await issuer.start(issuer.port);
    await everywhere(third, true, "the issuer is back");
    await everywhere(second, false, "a key that is gone");
    assert.ok(await metric(nodes[0], "chorus_jwks_age_seconds") < 60);
    assert.ok(ada.connected, "rotation drops no connection");
    assert.deepEqual(await ada.emitWithAck("message", "still here"), { ok: true });
  });

  test("that cannot be loaded yet", async (t) => {
    const issuer = await startIssuer(t);
    await issuer.stop();
    const node = await startNode(t, undefined, { CHORUS_AUTH_SECRET: "", CHORUS_AUTH_JWKS_URL: issuer.url, CHORUS_AUTH_MODE: "both" });
    const value = signWith(issuer.keys[0]);
    for (const mode of ["handshake", "event"]) assert.equal(await refusedWith(t, node.url, mode, value), "keys_unavailable", mode);
    const answer = await fetch(`${node.url}/readyz`);
    assert.equal(answer.status, 503);
    assert.notEqual((await answer.json()).checks.keys, "ok");
    await issuer.start(issuer.port);
    await until(() => accepted(t, node.url, value), "the issuer is there");
    assert.ok((await fetch(`${node.url}/readyz`)).ok);
  });

  test("are read again on SIGHUP, and nobody is disconnected", async (t) => {
    const [one, two] = ["the first secret, long enough for everybody", "the second secret, long enough for everybody"];
    const secret = await file(t, "secret", one);
    const key = newKey("ES256");
    const pem = await file(t, "key.pem", key.pem);
    const node = await startNode(t, undefined, { CHORUS_AUTH_SECRET: undefined, CHORUS_AUTH_SECRET_FILE: secret, CHORUS_AUTH_PUBLIC_KEYS: pem });
    const ada = await join(t, node.url, { auth: { token: token({}, { secret: one }) } });
    await join(t, node.url, { auth: { token: signWith(key) } });

    await writeFile(secret, "short");
    node.signalled("SIGHUP");
    await node.line((line) => (line.includes("auth.secret") && line.includes("stays in force") && line.includes(`"level":"ERROR"`) ? true : undefined), "the refusal of a short secret");
    assert.ok(await accepted(t, node.url, token({}, { secret: one })), "the old one stays in force");
    assert.ok(!node.output.includes('"short"'));

    const next = newKey("RS256");
    await writeFile(secret, two);
    await writeFile(pem, next.pem);
    node.signalled("SIGHUP");
    await until(() => accepted(t, node.url, token({}, { secret: two })), "the new secret");
    assert.ok(await accepted(t, node.url, signWith(next)));
    assert.equal(await refusedWith(t, node.url, "handshake", token({}, { secret: one })), "invalid_token");
    assert.equal(await refusedWith(t, node.url, "handshake", signWith(key)), "invalid_token");
    assert.deepEqual(await ada.emitWithAck("message", "still here"), { ok: true });
  });
});

describe("connections of one subject over the cluster", () => {
  test("beyond the limit are refused", async (t) => {
    const redis = await startRedis(t);
    const nodes = await startNodes(t, 3, redis, { CHORUS_AUTH_MAX_CONNECTIONS: "2", CHORUS_AUTH_MODE: "both" });
    const first = await join(t, nodes[0].url);
    await join(t, nodes[1].url);
    for (const mode of ["handshake", "event"]) assert.equal(await refusedWith(t, nodes[2].url, mode, token()), "too_many_connections", mode);
    await join(t, nodes[2].url, { auth: { token: token({ sub: "bob" }) } });
    first.disconnect();
    await until(() => accepted(t, nodes[2].url, token()), "a place is free");
  });

  test("beyond the limit replace the oldest", async (t) => {
    const redis = await startRedis(t);
    const nodes = await startNodes(t, 3, redis, { CHORUS_AUTH_MAX_CONNECTIONS: "2", CHORUS_AUTH_MAX_CONNECTIONS_POLICY: "close_oldest" });
    const sockets = [await join(t, nodes[0].url), await join(t, nodes[1].url)];
    for (let i = 0; i < 3; i++) {
      const end = Promise.all([event(sockets[i], "connection:replaced"), event(sockets[i], "disconnect")]);
      sockets.push(await join(t, nodes[(i + 2) % 3].url));
      const [[farewell], [reason]] = await end;
      assert.equal(farewell.code, "connection_replaced");
      assert.equal(reason, "io server disconnect");
    }
    assert.deepEqual(sockets.map((socket) => socket.connected), [false, false, false, true, true]);
  });

  test("that died with their node do not count for long", async (t) => {
    const redis = await startRedis(t);
    const nodes = await startNodes(t, 2, redis, { CHORUS_AUTH_MAX_CONNECTIONS: "1" });
    await join(t, nodes[0].url);
    await nodes[0].stop("SIGKILL");
    await until(() => accepted(t, nodes[1].url, token()), "the ghost is gone", 30_000);
  });
});

describe("permissions", () => {
  const may = (permissions, claims = {}) => token({ chorus: permissions, ...claims });
  const limited = { broadcast: false, rooms: { join: ["lobby", "team-*", "user-{sub}"], publish: ["lobby"] } };

  for (const mode of ["handshake", "event"]) {
    test(`of a token, mode ${mode}`, async (t) => {
      const nodes = await startNodes(t, 3, await startRedis(t), { CHORUS_AUTH_MODE: mode });
      const ada = await enter(t, nodes[0].url, mode, may(limited));
      const bob = await enter(t, nodes[1].url, mode, token({ sub: "bob" }));
      const inbox = new Inbox(ada, "publish", "message");

      const refusals = [["message", "broadcast", "hello"], ["join", "join", "secret"], ["join", "join", "user-bob"], ["publish", "publish", "team-red", "hello"]];
      for (const [name, action, room, ...rest] of refusals) {
        const { ok, error } = await ada.emitWithAck(name, room, ...rest);
        assert.deepEqual([ok, error.code, error.action, error.room], [false, "forbidden", action, name === "message" ? undefined : room]);
      }
      for (const room of ["lobby", "team-red", "user-ada"]) assert.equal((await ada.emitWithAck("join", room)).ok, true);
      for (const room of ["lobby", "team-red", "user-ada", "secret", "user-bob"]) {
        await bob.emitWithAck("join", room);
        assert.equal((await bob.emitWithAck("publish", room, `to ${room}`)).ok, true);
      }
      assert.deepEqual(await bob.emitWithAck("message", "to all"), { ok: true });
      assert.deepEqual((await inbox.count(4)).map((args) => args.slice(0, 2)), [["lobby", "to lobby"], ["team-red", "to team-red"], ["user-ada", "to user-ada"], ["to all"]]);
    });
  }

  test("change with a new token: rooms that it does not permit are left", async (t) => {
    const nodes = await startNodes(t, 2, await startRedis(t));
    const ada = await join(t, nodes[0].url, { auth: { token: may({}) } });
    const bob = await join(t, nodes[1].url, { auth: { token: token({ sub: "bob" }) } });
    for (const room of ["lobby", "secret"]) await ada.emitWithAck("join", room);
    const inbox = new Inbox(ada, "publish");
    const left = event(ada, "left");
    assert.equal((await ada.emitWithAck("token:refresh", { token: may(limited) })).ok, true);
    const [room, why] = await left;
    assert.deepEqual([room, why.code], ["secret", "forbidden"]);
    for (const to of ["secret", "lobby"]) {
      await bob.emitWithAck("join", to);
      await bob.emitWithAck("publish", to, `to ${to}`);
    }
    assert.deepEqual((await inbox.count(1)).map((args) => args.slice(0, 2)), [["lobby", "to lobby"]]);
    assert.equal((await ada.emitWithAck("message", "hello")).error.code, "forbidden");
  });

  test("that a token does not mention come from the configuration", async (t) => {
    const node = await startNode(t, undefined, { CHORUS_AUTH_DEFAULTS_BROADCAST: "false", CHORUS_AUTH_DEFAULTS_ROOMS_JOIN: "user-{sub},lobby" });
    const ada = await join(t, node.url);
    const eve = await join(t, node.url, { auth: { token: may({ broadcast: true, rooms: { join: ["*"] } }, { sub: "eve" }) } });
    assert.equal((await ada.emitWithAck("message", "hello")).error.code, "forbidden");
    assert.equal((await ada.emitWithAck("join", "user-eve")).error.code, "forbidden");
    assert.equal((await ada.emitWithAck("join", "user-ada")).ok, true);
    assert.deepEqual(await eve.emitWithAck("message", "hello"), { ok: true });
    assert.equal((await eve.emitWithAck("join", "user-ada")).ok, true);
  });

  test("that are misspelt open nothing", async (t) => {
    const node = await startNode(t);
    assert.equal(await refusedWith(t, node.url, "handshake", may({ brodcast: false })), "invalid_token");
  });
});

// Every code of the README that a token can earn, in both ways of showing it.
describe("codes", () => {
  const strict = {
    CHORUS_AUTH_ISSUER: "https://id.example", CHORUS_AUTH_AUDIENCE: "chat", CHORUS_AUTH_REQUIRED_CLAIMS: "tenant", CHORUS_AUTH_LEEWAY: "0s",
  };
  const claims = { iss: "https://id.example", aud: ["mail", "chat"], tenant: "t1" };
  const part = (value) => Buffer.from(JSON.stringify(value)).toString("base64url");
  // raw signs what a library would not.
  const raw = (payload, header = { alg: "HS256", typ: "JWT" }) => {
    const input = `${part(header)}.${part(payload)}`;
    return `${input}.${createHmac("sha256", SECRET).update(input).digest("base64url")}`;
  };
  const good = { ...claims, sub: "ada", exp: now() + 3600 };
  const codes = {
    credentials_required: { missing: undefined, null: null, empty: "" },
    credentials_bad_format: { "a number": 7, "a list": ["x"], "Bearer alone": "Bearer " },
    invalid_token: {
      "no token at all": "x", "another secret": token(claims, { secret: `${SECRET}x` }), "alg none": `${part({ alg: "none" })}.${part(good)}.`,
      "no exp": raw({ ...good, exp: undefined }), "two parts": token(claims).split(".").slice(0, 2).join("."), "five parts": `${token(claims)}.x.y`,
      "sub is a number": raw({ ...good, sub: 7 }), "exp is a text": raw({ ...good, exp: "tomorrow" }), "for something else": raw(good, { alg: "HS256", typ: "logout+jwt" }),
      "a key of its own": raw(good, { alg: "HS256", jwk: { kty: "oct", k: "AA" } }).slice(0, -2), "crit": raw(good, { alg: "HS256", crit: ["b64"], b64: false }),
    },
    token_expired: { "for a second": token({ ...claims, exp: now() - 1 }) },
    token_not_active: { nbf: token({ ...claims, nbf: now() + 60 }), iat: token({ ...claims, iat: now() + 60 }) },
    token_too_large: { "9 KB": token({ ...claims, filler: "x".repeat(9000) }) },
    invalid_issuer: { other: token({ ...claims, iss: "https://evil.example" }), none: token({ ...claims, iss: undefined }) },
    invalid_audience: { other: token({ ...claims, aud: "mail" }), list: token({ ...claims, aud: ["mail"] }) },
    missing_claim: { absent: token({ ...claims, tenant: undefined }), null: token({ ...claims, tenant: null }) },
  };
  for (const mode of ["handshake", "event"]) {
    test(`in mode ${mode}`, async (t) => {
      const node = await startNode(t, undefined, { ...strict, CHORUS_AUTH_MODE: mode, CHORUS_LOG_LEVEL: "debug" });
      await enter(t, node.url, mode, raw(good));
      for (const [code, cases] of Object.entries(codes)) {
        for (const [name, value] of Object.entries(cases)) {
          assert.equal(await refusedWith(t, node.url, mode, value), code, name);
          if (typeof value === "string" && value.length > 40) assert.ok(!node.output.includes(value.slice(-40)), `${name}: the token is not in the log`);
        }
      }
    });
  }

  for (const mode of ["handshake", "both"]) {
    test(`origin_not_allowed, mode ${mode}`, async (t) => {
      const page = "https://app.example";
      const node = await startNode(t, undefined, { CHORUS_AUTH_MODE: mode, CHORUS_AUTH_COOKIE: "session", CHORUS_CORS_ORIGINS: page });
      const cookie = (headers) => ({ auth: {}, extraHeaders: { Cookie: `session=${token()}`, ...headers } });
      await join(t, node.url, cookie({ Origin: page }));
      await join(t, node.url, cookie({ Origin: node.url }));
      assert.equal((await refusal(open(t, node.url, cookie({})))).data.code, "origin_not_allowed");
      const all = await startNode(t, undefined, { CHORUS_AUTH_MODE: mode, CHORUS_AUTH_COOKIE: "session", CHORUS_CORS_ORIGINS: "*" });
      assert.equal((await refusal(open(t, all.url, cookie({ Origin: "https://evil.example" })))).data.code, "origin_not_allowed");
      await join(t, all.url, { extraHeaders: { Origin: "https://evil.example" } }); // with a token of its own it is let in
    });
  }
});
