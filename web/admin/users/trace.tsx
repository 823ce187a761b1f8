import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call, may, path } from "../model/api.js";
import { Problem, words } from "../parts.js";
import { text } from "../text.js";

interface Frame {
  seq: number;
  at: number;
  socket: string;
  sent: boolean;
  text: string;
}

/** How long a trace lasts, and how often its frames are read, in milliseconds. */
const duration = 60_000;
const interval = 1_000;
const kept = 500;

/** The frames of a user's connections for a minute, without tokens. */
export function Trace({ id }: { id: string }) {
  const { users: t } = text;
  const on = useSignal(false);
  const frames = useSignal<Frame[]>([]);
  const problem = useSignal("");
  useEffect(() => {
    if (!on.value) return undefined;
    const end = Date.now() + duration;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      try {
        const { frames: more } = await call<{ frames: Frame[] }>("POST", path`/users/${id}/trace`, {});
        if (ended) return;
        if (more.length > 0) frames.value = [...frames.value, ...more].slice(-kept);
        if (Date.now() > end) on.value = false;
        else timer = setTimeout(() => void read(), interval);
      } catch (error) {
        problem.value = words(error);
        on.value = false;
      }
    };
    problem.value = "";
    void read();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [on.value]);
  return (
    <section class="card">
      <h2>{t.trace}</h2>
      <p class="soft">{t.traceHint}</p>
      <Problem of={problem} />
      <p>
        <button type="button" disabled={!may("admin")} aria-pressed={on.value} onClick={() => (on.value = !on.value)}>
          {on.value ? t.tracing : t.trace}
        </button>
      </p>
      {(on.value || frames.value.length > 0) && (
        <pre tabIndex={0} role="group" aria-label={t.trace}>
          {frames.value.map(({ seq, at, socket, sent, text: words }) => (
            <div key={`${socket} ${seq}`}>
              {new Date(at).toISOString().slice(11, 23)} {socket.slice(0, 6)} {sent ? "→" : "←"} {words}
            </div>
          ))}
        </pre>
      )}
    </section>
  );
}
