import { useSignal } from "@preact/signals";
import { call, may } from "../model/api.js";
import { fieldsOf, Problem, words } from "../parts.js";
import { text } from "../text.js";

type Kind = keyof typeof text.send.kinds;

/** A form that sends an event to a socket, a user, a room or everybody. */
export function Send({ rest }: { rest: string }) {
  const { send: t } = text;
  const cut = rest.indexOf("/");
  const kind = useSignal<Kind>(rest.slice(0, cut) in t.kinds ? (rest.slice(0, cut) as Kind) : "rooms");
  const problem = useSignal("");
  const done = useSignal("");
  const submit = async (event: SubmitEvent) => {
    const { name = "", event: called = "", args: typed = "" } = fieldsOf(event);
    problem.value = done.value = "";
    try {
      const to = kind.value === "everyone" ? { everyone: true } : { [kind.value]: [name] };
      const { id } = await call<{ id: string }>("POST", "/publish", { to, event: called, args: argumentsOf(typed) });
      done.value = t.sent(id);
    } catch (error) {
      problem.value = words(error);
    }
  };
  return (
    <section class="card">
      <h2>{text.pages.send}</h2>
      <form class="fields" onSubmit={(event) => void submit(event)}>
        <label>
          {t.to}
          <select
            value={kind.value}
            onChange={(event) => {
              kind.value = event.currentTarget.value as Kind;
            }}
          >
            {Object.entries(t.kinds).map(([value, label]) => (
              <option key={value} value={value}>
                {label}
              </option>
            ))}
          </select>
        </label>
        {kind.value !== "everyone" && (
          <label>
            {t.name}
            <input name="name" required defaultValue={rest.slice(cut + 1)} />
          </label>
        )}
        <label>
          {t.event}
          <input name="event" required defaultValue="notice" />
        </label>
        <label>
          {t.args}
          <textarea name="args" rows={2} spellcheck={false} defaultValue={'["hello"]'} />
        </label>
        <button type="submit" class="primary" disabled={!may("publish")}>
          {t.button}
        </button>
      </form>
      <Problem of={problem} />
      <p class="good" role="status">
        {done.value}
      </p>
    </section>
  );
}

function argumentsOf(typed: string): unknown[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(typed === "" ? "[]" : typed);
  } catch {
    parsed = undefined;
  }
  if (!Array.isArray(parsed)) throw new Error(text.send.badArgs);
  return parsed;
}
