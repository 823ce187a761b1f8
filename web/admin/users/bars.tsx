import { time } from "../model/format.js";
import { useLive } from "../model/live.js";
import { Problem, Table } from "../parts.js";
import { text } from "../text.js";

interface Bar {
  action: string;
  user: string;
  until?: number;
  reason?: string;
}

/** The mutes and bans of a room. */
export function Bars({ room }: { room: string }) {
  const list = useLive<{ bars: Bar[] }>(`/moderation?${new URLSearchParams({ room })}`, 5_000);
  const bars = list.value.value?.bars ?? [];
  return (
    <section class="card">
      <h2>{text.rooms.moderation}</h2>
      <Problem of={list.problem} />
      {bars.length === 0 ? (
        <p class="soft">{text.none}</p>
      ) : (
        <Table label={text.rooms.moderation} heads={[text.users.action, text.users.user, text.users.reason, ""]}>
          {bars.map(({ action, user, until, reason }) => (
            <tr key={`${action} ${user}`}>
              <td>{action}</td>
              <td>
                <a href={`#/users/${encodeURIComponent(user)}`}>
                  <bdi>{user}</bdi>
                </a>
              </td>
              <td>
                <bdi>{reason}</bdi>
              </td>
              <td class="soft time">{until === undefined ? "" : time(until)}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
