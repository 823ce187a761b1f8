import { useSignal } from "@preact/signals";
import { useRef } from "preact/hooks";
import { call, may, path } from "../model/api.js";
import { Problem, valuesOf, words } from "../parts.js";
import { text } from "../text.js";

const bars = ["kick", "mute", "unmute", "ban", "unban"] as const;

/** What can be done with a user. A read-only key sees the buttons, but cannot press them. */
export function Actions({ id }: { id: string }) {
  const { users: t } = text;
  const problem = useSignal("");
  const done = useSignal("");
  const act = async (what: string, action: () => Promise<unknown>) => {
    problem.value = done.value = "";
    try {
      await action();
      done.value = t.done(what);
    } catch (error) {
      problem.value = words(error);
    }
  };
  // No button submits the form, so that the key Enter in a field does nothing: it would be the first one, and kick.
  const form = useRef<HTMLFormElement>(null);
  const moderate = (action: string) => {
    if (form.current === null || !form.current.reportValidity()) return;
    const { room, minutes, reason } = valuesOf(form.current);
    const body = {
      action,
      user: id,
      ...(room ? { room } : {}),
      ...(minutes ? { for: Number(minutes) * 60 } : {}),
      ...(reason ? { reason } : {}),
    };
    void act(action, () => call("POST", "/moderation", body));
  };
  return (
    <section class="card">
      <h2>{t.actions}</h2>
      <Problem of={problem} />
      <p class="good" role="status">
        {done.value}
      </p>
      <form class="fields" ref={form} onSubmit={(event) => event.preventDefault()}>
        <label>
          {t.room}
          <input name="room" maxLength={255} />
        </label>
        <label>
          {t.minutes}
          <input name="minutes" inputMode="numeric" pattern="[0-9]*" />
        </label>
        <label>
          {t.reason}
          <input name="reason" maxLength={200} />
        </label>
        {bars.map((action) => (
          <button key={action} type="button" class={action.startsWith("un") ? "" : "danger"} disabled={!may("moderate")} onClick={() => moderate(action)}>
            {t[action]}
          </button>
        ))}
      </form>
      <p class="fields">
        <button
          type="button"
          class="danger"
          disabled={!may("users")}
          onClick={() => void act(t.disconnect, () => call("POST", path`/users/${id}/disconnect`, {}))}
        >
          {t.disconnect}
        </button>
        <button
          type="button"
          class="danger"
          disabled={!may("tokens")}
          onClick={() => void act(t.revoke, () => call("POST", "/revocations", { sub: id, before: Date.now() }))}
        >
          {t.revoke}
        </button>
        <a href={`#/send/users/${encodeURIComponent(id)}`}>{text.pages.send}</a>
      </p>
    </section>
  );
}
