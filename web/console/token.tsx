import { useSignal } from "@preact/signals";
import { request } from "chorus-kit";
import type { Rooms } from "../chat/model/rooms.js";
import { claimsOf, session, signInWithToken } from "../chat/model/session.js";
import { dev } from "./api.js";
import { text } from "./text.js";

/** The shortest life that still shows a notice before the end, in seconds. */
const shortLife = 20;

/** The token of this tab, decoded, and buttons that end it or make another one. */
export function Token({ rooms, act }: { rooms: Rooms; act: (action: () => Promise<unknown>) => Promise<void> }) {
  const claims = claimsOf(session.value?.token ?? "");
  const minted = useSignal("");
  const wish = useSignal('{"sub": "carol", "name": "Carol"}');
  const { iat: _iat, exp: _exp, jti: _jti, ...own } = claims ?? {};

  const expire = async () => {
    const token = await dev.token(own, shortLife);
    await request(rooms.socket, "token:refresh", { token });
  };
  const mint = async () => {
    let parsed: unknown;
    try {
      parsed = JSON.parse(wish.value);
    } catch {
      parsed = undefined;
    }
    if (typeof parsed !== "object" || parsed === null) throw new Error(text.token.invalid);
    minted.value = await dev.token(parsed);
  };

  return (
    <section>
      <h3>{text.token.title}</h3>
      <pre tabIndex={0} role="group" aria-label={text.token.title}>{JSON.stringify(claims, null, 2)}</pre>
      {typeof claims?.exp === "number" && (
        <p class="soft">{text.token.ends(new Date(claims.exp * 1000).toLocaleString())}</p>
      )}
      <p class="buttons">
        <button type="button" onClick={() => void act(expire)}>
          {text.token.expire}
        </button>
        <button type="button" class="danger" onClick={() => void act(() => dev.revoke(rooms.me.id))}>
          {text.token.revoke}
        </button>
      </p>
      <label>
        {text.token.claims}
        <textarea
          rows={2}
          spellcheck={false}
          value={wish.value}
          onInput={(event) => {
            wish.value = event.currentTarget.value;
          }}
        />
      </label>
      <p class="buttons">
        <button type="button" onClick={() => void act(mint)}>
          {text.token.mint}
        </button>
        {minted.value !== "" && (
          <button type="button" onClick={() => signInWithToken(minted.value)}>
            {text.token.use}
          </button>
        )}
      </p>
      {minted.value !== "" && <textarea readOnly rows={2} aria-label={text.token.minted} value={minted.value} />}
    </section>
  );
}
