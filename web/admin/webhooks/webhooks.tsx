import { useSignal } from "@preact/signals";
import { call, may, path } from "../model/api.js";
import { count, time } from "../model/format.js";
import { useLive } from "../model/live.js";
import { Problem, Table, words } from "../parts.js";
import { text } from "../text.js";

interface Target {
  name: string;
  /** Events that wait. */
  backlog: number;
  oldest?: string;
  /** Requests. */
  failed: number;
  dead: number;
  /** Since when it is off. */
  off?: string;
  error?: string;
}

/** The targets of webhooks: what waits, what failed, and what is dead. */
export function Webhooks() {
  const list = useLive<{ webhooks: Target[] }>("/webhooks", 3_000);
  const problem = useSignal("");
  const done = useSignal("");
  const { webhooks: t } = text;
  const redeliver = async (name: string) => {
    problem.value = done.value = "";
    try {
      await call("POST", path`/webhooks/${name}/redeliver`, { all: true });
      done.value = t.redelivered(name);
      list.refresh();
    } catch (error) {
      problem.value = words(error);
    }
  };
  const targets = list.value.value?.webhooks ?? [];
  return (
    <section class="card">
      <h2>{text.pages.webhooks}</h2>
      <Problem of={list.problem} />
      <Problem of={problem} />
      <p class="good" role="status">
        {done.value}
      </p>
      {targets.length === 0 ? (
        <p class="soft">{text.none}</p>
      ) : (
        <Table label={text.pages.webhooks} heads={[t.target, t.state, t.waiting, t.oldest, t.failures, t.dead, ""]} numbers={[t.waiting, t.failures, t.dead]}>
          {targets.map(({ name, backlog, oldest, failed, dead, off, error }) => (
            <tr key={name}>
              <td>{name}</td>
              <td class={off === undefined ? "words" : "words bad"} title={error}>
                {off === undefined ? (error ?? t.on) : t.off(time(off))}
              </td>
              <td class="number">{count(backlog)}</td>
              <td class="soft time">{oldest ? time(oldest) : ""}</td>
              <td class="number">{count(failed)}</td>
              <td class="number">{count(dead)}</td>
              <td>
                <button type="button" disabled={!may("admin") || dead === 0} onClick={() => void redeliver(name)}>
                  {t.redeliver}
                </button>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
