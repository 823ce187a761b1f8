// Tokens that renew themselves.

import { Backoff } from "./backoff.js";
import { listen } from "./listen.js";
import { RequestError, request } from "./request.js";
import { type State, Writable } from "./state.js";
import type { ChorusSocket, End } from "./types.js";

/** Throw this from `fetchToken` when your back end says 401: the user must sign in again. */
export class SignedOut extends Error {
  constructor(message = "The session has ended. Sign in again.") {
    super(message);
    this.name = "SignedOut";
  }
}

export interface TokenState {
  /** `renewing` waits for `fetchToken`, `ended` needs the user: `reason` says why. */
  phase: "ready" | "renewing" | "ended";
  reason?: End;
}

// Codes of a handshake that another token may repair.
const renewable = new Set(["token_expired", "token_revoked", "invalid_token", "credentials_required", "token_not_active"]);
// Codes of a handshake that time repairs.
const temporary = new Set(["keys_unavailable", "overloaded", "cluster_unavailable", "rate_limited", "hook_failed"]);

/** New tokens that are tried in a row, each of which the server refuses. */
const mostRenewals = 3;

/**
 * Gives the socket a token before each connection, a new one before the old one ends, and connects again
 * after the token ended. Call it before `socket.connect()`, on a socket made with `autoConnect: false`.
 *
 * `fetchToken` asks your back end for a token. When it fails it is called again with growing pauses;
 * when it throws SignedOut, everything stops and `state` says so.
 */
export function withToken(
  socket: ChorusSocket,
  fetchToken: () => Promise<string>,
): { state: State<TokenState>; stop: () => void } {
  const state = new Writable<TokenState>({ phase: "ready" });
  const backoff = new Backoff();
  const refusals = new Backoff();
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  const end = (reason: End) => {
    stop();
    socket.disconnect();
    state.set({ phase: "ended", reason });
  };

  const later = (pause: number, action: () => void) => {
    clearTimeout(timer);
    timer = setTimeout(() => void (stopped || action()), pause);
  };

  // Calls `use` with a token, as soon as there is one.
  const fetch = (use: (token: string) => void) => {
    state.set({ phase: "renewing" });
    fetchToken().then(
      (token) => {
        if (stopped) return;
        backoff.reset();
        state.set({ phase: "ready" });
        use(token);
      },
      (error: unknown) => {
        if (stopped) return;
        if (error instanceof SignedOut) end({ code: "signed_out", message: error.message });
        else later(backoff.next(), () => fetch(use));
      },
    );
  };

  // A token that was refused is not tried again; another one is, a few times: a token that was made in the second of a
  // revocation counts as revoked.
  let given: string | undefined;
  let refused: { token: string | undefined; reason: End } | undefined;
  let attempts = 0;
  socket.auth = (give) =>
    fetch((token) => {
      if (refused !== undefined && refused.token === token) return end(refused.reason);
      given = token;
      give({ token });
    });

  const refresh = () =>
    fetch((token) => {
      request(socket, "token:refresh", { token }).then(
        () => refusals.reset(),
        (error: unknown) => {
          // Without a connection the next handshake brings a new token anyway.
          if (error instanceof RequestError && error.code !== "timeout") later(refusals.next(), refresh);
        },
      );
    });

  // After the server's own disconnect the official client does not connect again by itself.
  let last: End | undefined;
  const reconnect = () => later(refusals.next(), () => void socket.connect());
  const ending = (why: End) => {
    last = why;
  };
  const silence = listen(socket, {
    connect: () => {
      last = refused = undefined;
      attempts = 0;
      refusals.reset();
    },
    disconnect: (reason) => {
      if (stopped || reason !== "io server disconnect") return;
      state.set({ phase: "renewing", ...(last === undefined ? {} : { reason: last }) });
      reconnect();
    },
    connect_error: (error) => {
      if (stopped || socket.active) return; // the client tries again by itself
      const code = error.data?.code ?? "refused";
      const reason = { code, message: error.data?.message ?? error.data?.reason ?? error.message };
      if (temporary.has(code)) later(error.data?.retry_after_ms ?? refusals.next(), () => void socket.connect());
      else if (renewable.has(code) && attempts++ < mostRenewals) {
        refused = { token: given, reason };
        reconnect();
      } else end(reason);
    },
    "token:expiring": refresh,
    "token:expired": ending,
    "token:revoked": ending,
    "connection:replaced": end,
  });

  function stop(): void {
    stopped = true;
    clearTimeout(timer);
    silence();
  }
  return { state, stop };
}
