// Nobody without a valid token gets in: both ways of authenticating, with tokens made by another
// program that knows the secret.
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import jwt from "jsonwebtoken";
import { startNode, startNodes } from "./harness/chorus.js";
import { Inbox, connected, join, open, refusal } from "./harness/client.js";
import { startGoPeer, startNodePeer } from "./harness/peers.js";
import { startRedis } from "./harness/redis.js";
import { SECRET, token, tokens } from "./harness/token.js";
import { event, until } from "./harness/wait.js";

const nobody = { auth: {} };

describe("at the handshake", () => {
  for (const transport of ["websocket", "polling"]) {
    test(`tokens over ${transport}`, async (t) => {
      const node = await startNode(t);
      for (const [name, { make, code }] of Object.entries(tokens)) {
        const socket = open(t, node.url, { transports: [transport], auth: { token: make() } });
        if (!code) {
          await connected(socket);
          assert.deepEqual(await socket.emitWithAck("message", name), { ok: true });
          continue;
        }
        const error = await refusal(socket);
        assert.equal(error.message, "Authentication error", name);
        assert.equal(error.data.code, code, name);
        assert.equal(typeof error.data.reason, "string", name);
        assert.ok(!node.output.includes(make() ?? "never"), `${name}: the token is not in the log`);
      }
    });
  }

  const good = token();
  const sources = {
    "auth.token": { auth: { token: good } },
    "auth.token, as Bearer": { auth: { token: `Bearer ${good}` } },
    "the Authorization header": { ...nobody, extraHeaders: { Authorization: `Bearer ${good}` } },
    "the query": { ...nobody, query: { token: good } },
    "the cookie": { ...nobody, extraHeaders: { Cookie: `theme=dark; session=${good}`, Origin: "https://app.example" } },
    "the cookie, and nobody says which page": { ...nobody, extraHeaders: { Cookie: `session=${good}` }, refused: "origin_not_allowed" },
    "auth.token before all others": { auth: { token: good }, query: { token: "bad" }, extraHeaders: { Authorization: "Bearer bad" } },
    "the header before the query": { ...nobody, query: { token: "bad" }, extraHeaders: { Authorization: `Bearer ${good}` } },
    "a bad auth.token, which no other makes good": { auth: { token: "bad" }, query: { token: good }, refused: "invalid_token" },
  };
  test("where the token is", async (t) => {
    const node = await startNode(t, undefined, { CHORUS_AUTH_COOKIE: "session", CHORUS_CORS_ORIGINS: "https://app.example", CHORUS_LOG_LEVEL: "debug" });
    for (const [name, { refused, ...options }] of Object.entries(sources)) {
      const socket = open(t, node.url, options);
      if (refused) assert.equal((await refusal(socket)).data.code, refused, name);
      else await connected(socket);
    }
    assert.ok(!node.output.includes(good), "the token is not in the log");
  });

  test("a cookie is no source unless one is named", async (t) => {
    const node = await startNode(t, undefined, { CHORUS_CORS_ORIGINS: "https://app.example" });
    const error = await refusal(open(t, node.url, sources["the cookie"]));
    assert.equal(error.data.code, "credentials_required");
  });

  test("a cookie is not for every page, also where every page may connect", async (t) => {
    const node = await startNode(t, undefined, { CHORUS_AUTH_COOKIE: "session", CHORUS_CORS_ORIGINS: "*" });
    const error = await refusal(open(t, node.url, sources["the cookie"]));
    assert.equal(error.data.code, "origin_not_allowed");
  });

  test("every namespace asks, those that programs add as well", async (t) => {
    const peer = await startGoPeer(t);
    const error = await refusal(open(t, `${peer.url}/chat`, nobody));
    assert.equal(error.message, "Authentication error");
    await join(t, `${peer.url}/chat`);
  });

  test("algorithm, issuer and audience", async (t) => {
    const node = await startNode(t, undefined, {
      CHORUS_AUTH_ALGORITHMS: "HS512", CHORUS_AUTH_ISSUER: "https://id.example", CHORUS_AUTH_AUDIENCE: "chat,admin",
    });
    const claims = { iss: "https://id.example", aud: ["other", "chat"] };
    const cases = [
      [claims, "HS512"], [{ ...claims, aud: "admin" }, "HS512"], [claims, "HS256", "invalid_token"],
      [{ ...claims, iss: "https://evil.example" }, "HS512", "invalid_token"], [{ iss: claims.iss }, "HS512", "invalid_token"],
      [{ ...claims, aud: "other" }, "HS512", "invalid_token"],
    ];
    for (const [payload, algorithm, code] of cases) {
      const socket = open(t, node.url, { auth: { token: jwt.sign({ sub: "ada", ...payload }, SECRET, { algorithm, expiresIn: "1h" }) } });
      if (!code) await connected(socket);
      else assert.match((await refusal(socket)).data.code, /^invalid_/, JSON.stringify(payload));
    }
  });

  test("two secrets, while one is being replaced", async (t) => {
    const old = "the secret of yesterday and long enough as well";
    const node = await startNode(t, undefined, { CHORUS_AUTH_SECRETS: `${old}` });
    await join(t, node.url);
    await join(t, node.url, { auth: { token: token({}, { secret: old }) } });
  });
});

for (const mode of ["event", "both"]) {
  describe(`by event, mode ${mode}`, () => {
    const settings = { CHORUS_AUTH_MODE: mode };

    test("tokens", async (t) => {
      const node = await startNode(t, undefined, settings);
      for (const [name, { make, code }] of Object.entries(tokens)) {
        const socket = await join(t, node.url, nobody);
        const outcome = event(socket, code ? "unauthorized" : "authenticated");
        const answer = socket.emitWithAck("authenticate", { token: make() });
        const [error, disconnect] = await outcome;
        if (!code) {
          assert.deepEqual(await answer, { ok: true });
          assert.deepEqual(await socket.emitWithAck("message", name), { ok: true });
          continue;
        }
        assert.equal(error.data.code, code, name);
        assert.equal(error.data.type, "UnauthorizedError", name);
        assert.equal(error.data.message, error.message, name);
        if (code === "token_expired") assert.equal(error.message, "jwt expired");
        assert.equal((await answer).error.code, code, name);
        const gone = event(socket, "disconnect");
        disconnect(); // as front ends written for socketio-jwt do
        assert.deepEqual((await gone)[0], "io server disconnect", name);
      }
    });

    test("a second try is possible, a fourth is not", async (t) => {
      const node = await startNode(t, undefined, settings);
      const [ada, eve] = [await join(t, node.url, nobody), await join(t, node.url, nobody)];
      for (const value of ["bad", token()]) ada.emit("authenticate", { token: value });
      await event(ada, "authenticated");
      const gone = event(eve, "disconnect");
      for (let i = 0; i < 4; i++) eve.emit("authenticate", { token: "bad" });
      assert.equal((await gone)[0], "io server disconnect");
    });

    test("who does not authenticate in time is disconnected", async (t) => {
      const node = await startNode(t, undefined, { ...settings, CHORUS_AUTH_EVENT_TIMEOUT: "300ms" });
      const [ada, eve] = [await join(t, node.url, nobody), open(t, node.url, nobody)];
      ada.emit("authenticate", { token: token() });
      await event(ada, "authenticated");
      const [reason] = await event(eve, "disconnect");
      assert.equal(reason, "io server disconnect");
      assert.deepEqual(await ada.emitWithAck("message", "still here"), { ok: true });
    });

    test("until then it is nobody: on every node, for every server", async (t) => {
      const redis = await startRedis(t);
      const one = await startGoPeer(t, redis, settings);
      const two = await startGoPeer(t, redis, settings);
      const peer = await startNodePeer(t, redis);
      await until(async () => (await peer.serverCount()) === 3, "three servers");

      const ada = await join(t, one.url, nobody);
      ada.emit("authenticate", { token: token() });
      await event(ada, "authenticated");
      const eve = await join(t, two.url, nobody);
      const heard = new Inbox(eve, "message", "hello");
      const all = new Inbox(ada, "message", "hello");

      // It says nothing and joins nothing.
      for (const name of ["message", "join", "publish", "enter"]) {
        const { ok, error } = await eve.emitWithAck(name, ["r"]);
        assert.deepEqual([ok, error.code], [false, "credentials_required"], name);
      }
      await peer.socketsJoin({}, ["all"]);
      await peer.socketsJoin({ to: [eve.id] }, ["own"]);
      // It is found by nobody, and nothing reaches it, by whatever name.
      assert.deepEqual((await peer.fetchSockets({})).map(({ id }) => id), [ada.id]);
      await ada.emitWithAck("message", "from a client");
      for (const server of [one, two, peer]) {
        for (const select of [{}, { to: [eve.id] }, { to: ["all"] }, { to: ["own"] }, { to: ["r"] }]) await server.emit(select, "hello", "secret");
        const { answers } = await server.emitWithAck({ to: [eve.id], timeout: 300 }, "hello", "secret");
        assert.deepEqual(answers, []);
        await server.disconnectSockets({ to: [eve.id] }, true);
      }
      assert.deepEqual(await peer.emitWithAck({ to: [eve.id], timeout: 300 }, "hello"), { answers: [], error: undefined });

      eve.emit("authenticate", { token: token({ sub: "eve" }) });
      await event(eve, "authenticated");
      const sockets = await peer.fetchSockets({ to: [eve.id] });
      assert.deepEqual(sockets.map(({ rooms, data }) => [rooms.toSorted(), data.decoded.sub]), [[[eve.id, "user:eve"].toSorted(), "eve"]]);
      for (const server of [one, two, peer]) await server.emit({}, "hello", "for all");
      await heard.count(3);
      await all.until((items) => items.filter(([value]) => value === "for all").length === 3, "the same");
      assert.deepEqual(heard.items, Array(3).fill(["for all"]), "nothing from before");
    });
  });
}

test("mode both: a token at the handshake counts, good or bad", async (t) => {
  const [one, two] = await startNodes(t, 2, await startRedis(t), { CHORUS_AUTH_MODE: "both" });
  const ada = await join(t, one.url);
  const bob = await join(t, two.url, nobody);
  bob.emit("authenticate", { token: token({ sub: "bob" }) });
  await event(bob, "authenticated");
  const inbox = new Inbox(bob, "message");
  await ada.emitWithAck("message", "hello bob");
  assert.deepEqual(await inbox.count(1), [["hello bob"]]);
  const error = await refusal(open(t, one.url, { auth: { token: "bad" } }));
  assert.deepEqual([error.message, error.data.code], ["Authentication error", "invalid_token"]);
});

test("mode event: a token at the handshake is not looked at", async (t) => {
  const node = await startNode(t, undefined, { CHORUS_AUTH_MODE: "event" });
  const socket = await join(t, node.url);
  assert.equal((await socket.emitWithAck("message", 1)).error.code, "credentials_required");
});
