import { beforeEach, describe, expect, test, vi } from "vitest";
import { type ChorusSocket, SignedOut, withToken } from "../src/index.js";

/** A socket as far as withToken uses it. Each connection is refused or accepted by `server`. */
class FakeSocket {
  active = false;
  connected = false;
  auth: (give: (credentials: object) => void) => void = () => undefined;
  readonly tokens: string[] = [];
  readonly requests: unknown[][] = [];
  answer: object = { ok: true };
  private readonly listeners = new Map<string, Set<(...args: unknown[]) => void>>();

  constructor(private readonly server: (token: string) => { code: string; retry_after_ms?: number } | undefined) {}

  on(event: string, listener: () => void) {
    this.listeners.set(event, (this.listeners.get(event) ?? new Set()).add(listener));
  }
  off(event: string, listener: () => void) {
    this.listeners.get(event)?.delete(listener);
  }
  emit(event: string, ...args: unknown[]) {
    for (const listener of [...(this.listeners.get(event) ?? [])]) listener(...args);
  }
  timeout() {
    return {
      emitWithAck: async (...args: unknown[]) => {
        this.requests.push(args);
        return this.answer;
      },
    };
  }
  connect() {
    this.auth((credentials) => {
      const { token } = credentials as { token: string };
      this.tokens.push(token);
      const data = this.server(token);
      if (data === undefined) {
        this.connected = true;
        this.emit("connect");
      } else this.emit("connect_error", Object.assign(new Error("refused"), { data: { message: data.code, ...data } }));
    });
  }
  disconnect() {
    this.connected = false;
  }
}

function start(server: ConstructorParameters<typeof FakeSocket>[0], fetchToken: () => Promise<string>) {
  const socket = new FakeSocket(server);
  const { state } = withToken(socket as unknown as ChorusSocket, fetchToken);
  socket.connect();
  return { socket, state };
}

const tokens = () => {
  let n = 0;
  return async () => `token ${++n}`;
};
const settle = () => vi.advanceTimersByTimeAsync(120_000);

beforeEach(() => {
  vi.useFakeTimers();
  return () => vi.useRealTimers();
});

describe("a token that is refused", () => {
  test("is replaced by another one", async () => {
    const { socket, state } = start((token) => (token === "token 1" ? { code: "token_expired" } : undefined), tokens());
    await settle();
    expect(socket.tokens).toEqual(["token 1", "token 2"]);
    expect(socket.connected).toBe(true);
    expect(state.get().phase).toBe("ready");
  });

  test("is not tried again", async () => {
    const { socket, state } = start(() => ({ code: "invalid_token" }), async () => "the same");
    await settle();
    expect(socket.tokens).toEqual(["the same"]);
    expect(state.get()).toEqual({ phase: "ended", reason: { code: "invalid_token", message: "invalid_token" } });
  });

  test("ends everything after a few others were refused as well", async () => {
    const { socket, state } = start(() => ({ code: "token_revoked" }), tokens());
    await settle();
    expect(socket.tokens.length).toBe(4);
    expect(state.get().phase).toBe("ended");
  });

  test("for a reason that no token repairs ends everything", async () => {
    const { socket, state } = start(() => ({ code: "forbidden" }), tokens());
    await settle();
    expect(socket.tokens).toEqual(["token 1"]);
    expect(state.get().phase).toBe("ended");
  });
});

test("a server that is overloaded is asked again after the time that it names", async () => {
  let busy = true;
  const { socket } = start(() => (busy ? { code: "overloaded", retry_after_ms: 5_000 } : undefined), tokens());
  await vi.advanceTimersByTimeAsync(4_900);
  expect(socket.tokens.length).toBe(1);
  busy = false;
  await vi.advanceTimersByTimeAsync(200);
  expect(socket.connected).toBe(true);
});

describe("the back end", () => {
  test("that fails is asked again with growing pauses", async () => {
    const times: number[] = [];
    const { socket } = start(() => undefined, async () => {
      times.push(Date.now());
      if (times.length < 5) throw new Error("502");
      return "token";
    });
    await settle();
    expect(socket.connected).toBe(true);
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    expect(pauses.length).toBe(4);
    expect(pauses[3]).toBeGreaterThan(2 * (pauses[0] ?? 0));
  });

  test("that says 401 ends everything", async () => {
    const { socket, state } = start(() => undefined, async () => {
      throw new SignedOut();
    });
    await settle();
    expect(socket.tokens).toEqual([]);
    expect(state.get()).toMatchObject({ phase: "ended", reason: { code: "signed_out" } });
  });
});

test("a token that ends soon is renewed over the connection", async () => {
  const { socket } = start(() => undefined, tokens());
  await settle();
  socket.emit("token:expiring", { exp: 0, seconds: 30 });
  await settle();
  expect(socket.requests).toEqual([["token:refresh", { token: "token 2" }]]);
  expect(socket.connected).toBe(true);
});

test("after the server ended the connection the client comes back with another token", async () => {
  const { socket } = start(() => undefined, tokens());
  await settle();
  socket.emit("token:revoked", { code: "token_revoked", message: "" });
  socket.connected = false;
  socket.emit("disconnect", "io server disconnect");
  await settle();
  expect(socket.tokens).toEqual(["token 1", "token 2"]);
  expect(socket.connected).toBe(true);
});

test("a connection that another tab replaced stays away", async () => {
  const { socket, state } = start(() => undefined, tokens());
  await settle();
  socket.emit("connection:replaced", { code: "connection_replaced", message: "replaced" });
  socket.emit("disconnect", "io server disconnect");
  await settle();
  expect(socket.tokens).toEqual(["token 1"]);
  expect(state.get().phase).toBe("ended");
});
