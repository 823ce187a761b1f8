import { useSignal } from "@preact/signals";
import { count } from "../model/format.js";
import { useLive } from "../model/live.js";
import type { RoomList } from "../model/types.js";
import { fieldsOf, Pager, Problem, Table } from "../parts.js";
import { text } from "../text.js";
import { User } from "./user.js";

/** The sockets of a user are in the room of the user. */
const userRooms = "user:";
const interval = 3_000;

/** The users who are online, or the one that the address names. */
export function Users({ rest }: { rest: string }) {
  return rest === "" ? <List /> : <User key={rest} id={rest} />;
}

function List() {
  const prefix = useSignal("");
  const cursor = useSignal("");
  const query = new URLSearchParams({
    limit: "100",
    prefix: userRooms + prefix.value,
    ...(cursor.value === "" ? {} : { cursor: cursor.value }),
  });
  const list = useLive<RoomList>(`/rooms?${query}`, interval);
  const { users: t } = text;
  const page = list.value.value;
  const open = (id: string) => {
    if (id !== "") location.hash = `#/users/${encodeURIComponent(id)}`;
  };
  return (
    <section class="card">
      <h2>{text.pages.users}</h2>
      <form class="fields" onSubmit={(event) => open(fieldsOf(event).user ?? "")}>
        <label>
          {t.search}
          <input
            type="search"
            name="user"
            value={prefix.value}
            onInput={(event) => {
              cursor.value = "";
              prefix.value = event.currentTarget.value;
            }}
          />
        </label>
        <button type="submit">{t.exact}</button>
      </form>
      <Problem of={list.problem} />
      {page !== null && (
        <>
          {(page.missing?.length ?? 0) > 0 && <p class="warn">{text.missing(page.missing?.length ?? 0)}</p>}
          <Table label={text.pages.users} heads={[t.user, t.connections]} numbers={[t.connections]}>
            {page.rooms.map(({ room, sockets }) => {
              const id = room.slice(userRooms.length);
              return (
                <tr key={id}>
                  <td>
                    <a href={`#/users/${encodeURIComponent(id)}`}>
                      <bdi>{id}</bdi>
                    </a>
                  </td>
                  <td class="number">{count(sockets)}</td>
                </tr>
              );
            })}
          </Table>
          {page.rooms.length === 0 && <p class="soft">{text.none}</p>}
          <Pager cursor={cursor} next={page.next} />
        </>
      )}
    </section>
  );
}
