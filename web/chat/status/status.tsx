import "./status.css";
import { dismiss, notices, status } from "../model/connection.js";
import { text } from "../text.js";

/** The state of the connection, in words. */
export function StatusLine() {
  const { phase, words } = status.value;
  return (
    <p class={`status ${phase}`} role="status" title={words}>
      {words}
    </p>
  );
}

/** Short messages about what just happened. */
export function Notices() {
  return (
    <div class="notices" aria-live="polite">
      {notices.value.map(({ id, words, bad }) => (
        <p key={id} class={bad ? "card bad" : "card"}>
          <span>{words}</span>
          <button type="button" class="quiet" aria-label={text.dismiss} onClick={() => dismiss(id)}>
            ×
          </button>
        </p>
      ))}
    </div>
  );
}
