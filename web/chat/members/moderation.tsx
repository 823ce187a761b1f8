import { useSignal } from "@preact/signals";
import { type Moderation as State, request } from "chorus-kit";
import { listen } from "chorus-kit/listen";
import { useEffect } from "preact/hooks";
import { complain } from "../model/refusal.js";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import { text } from "../text.js";

/** Seconds between two messages of a user that a moderator may choose. */
const paces = [0, 5, 30, 300];

interface Props {
  rooms: Rooms;
  room: OpenRoom;
  /** Another number when the user has moderated somebody. */
  changes: number;
}

/** What moderators of the room have decided, and may change. */
export function Moderation({ rooms: { socket }, room: { name, status }, changes }: Props) {
  const { moderation: t } = text;
  const state = useSignal<State | null>(null);
  const look = () => request(socket, "moderation", name, {}).then((now) => (state.value = now), complain);
  const act = (action: Promise<unknown>) => void action.then(look, complain);
  const joined = status.value.phase === "joined";
  useEffect(() => {
    if (!joined) return undefined;
    void look();
    return listen(socket, { moderated: ({ room }) => void (room === name && look()) });
  }, [name, joined, changes]);
  if (state.value === null) return null;
  const { slow, frozen, bars } = state.value;
  return (
    <details class="moderation">
      <summary>{t.title}</summary>
      <label>
        {t.slow}
        <select value={slow} onChange={(event) => act(request(socket, "slow", name, Number(event.currentTarget.value)))}>
          {[...new Set([...paces, slow])].map((seconds) => (
            <option key={seconds} value={seconds}>
              {t.pace(seconds)}
            </option>
          ))}
        </select>
      </label>
      <button type="button" aria-pressed={frozen} onClick={() => act(request(socket, "freeze", name, !frozen))}>
        {frozen ? t.open : t.freeze}
      </button>
      <ul aria-label={t.bars}>
        {bars.map(({ action, user, until, reason }) => (
          <li key={`${action} ${user}`} class="bar">
            <p>
              <bdi>{user}</bdi> <span class="soft">{t.bar(action, until)}</span> <bdi class="soft">{reason}</bdi>
            </p>
            <button type="button" onClick={() => act(request(socket, action === "ban" ? "unban" : "unmute", name, user, {}))}>
              {action === "ban" ? t.unban(user) : t.unmute(user)}
            </button>
          </li>
        ))}
      </ul>
      {bars.length === 0 && <p class="soft">{t.none}</p>}
    </details>
  );
}
