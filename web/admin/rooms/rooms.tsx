import { useSignal } from "@preact/signals";
import { count, time } from "../model/format.js";
import { useLive } from "../model/live.js";
import type { MemberList, RoomList } from "../model/types.js";
import { path } from "../model/api.js";
import { Pager, Problem, Table } from "../parts.js";
import { text } from "../text.js";
import { Bars } from "../users/bars.js";

/** How often lists are read, in milliseconds. */
const interval = 3_000;

/** The rooms, or the one that the address names. */
export function Rooms({ rest }: { rest: string }) {
  return rest === "" ? <List /> : <Room key={rest} name={rest} />;
}

function List() {
  const prefix = useSignal("");
  const cursor = useSignal("");
  const query = new URLSearchParams({ limit: "100", prefix: prefix.value, ...(cursor.value === "" ? {} : { cursor: cursor.value }) });
  const list = useLive<RoomList>(`/rooms?${query}`, interval);
  const { rooms: t } = text;
  const page = list.value.value;
  return (
    <section class="card">
      <h2>{text.pages.rooms}</h2>
      <p class="fields">
        <label>
          {t.search}
          <input
            type="search"
            value={prefix.value}
            onInput={(event) => {
              cursor.value = "";
              prefix.value = event.currentTarget.value;
            }}
          />
        </label>
      </p>
      <Problem of={list.problem} />
      {page !== null && (
        <>
          {(page.missing?.length ?? 0) > 0 && <p class="warn">{text.missing(page.missing?.length ?? 0)}</p>}
          <Table label={text.pages.rooms} heads={[t.room, t.users, t.sockets]} numbers={[t.users, t.sockets]}>
            {page.rooms.map(({ room, count: users, sockets }) => (
              <tr key={room}>
                <td>
                  <a href={`#/rooms/${encodeURIComponent(room)}`}>
                    <bdi>{room}</bdi>
                  </a>
                </td>
                <td class="number">{count(users)}</td>
                <td class="number">{count(sockets)}</td>
              </tr>
            ))}
          </Table>
          {page.rooms.length === 0 && <p class="soft">{text.none}</p>}
          <Pager cursor={cursor} next={page.next} />
        </>
      )}
    </section>
  );
}

function Room({ name }: { name: string }) {
  const cursor = useSignal("");
  const query = new URLSearchParams({ limit: "100", ...(cursor.value === "" ? {} : { cursor: cursor.value }) });
  const list = useLive<MemberList>(`${path`/rooms/${name}/presence`}?${query}`, interval);
  const { rooms: t } = text;
  const page = list.value.value;
  return (
    <>
      <p>
        <a href="#/rooms">{t.back}</a>
      </p>
      <section class="card">
        <h2>
          <bdi>{name}</bdi> {page !== null && <span class="soft">{count(page.count)}</span>}
        </h2>
        <Problem of={list.problem} />
        {page !== null && (
          <>
            <Table label={t.members} heads={[text.users.user, t.since, t.devices]} numbers={[t.devices]}>
              {page.users.map(({ id, name: shown, since, devices }) => (
                <tr key={id}>
                  <td>
                    <a href={`#/users/${encodeURIComponent(id)}`}>
                      <bdi>{id}</bdi>
                    </a>
                    {shown !== undefined && shown !== id && (
                      <span class="soft">
                        {" "}
                        <bdi>{shown}</bdi>
                      </span>
                    )}
                  </td>
                  <td class="soft time">{time(since)}</td>
                  <td class="number">{count(devices)}</td>
                </tr>
              ))}
            </Table>
            <Pager cursor={cursor} next={page.next} />
          </>
        )}
      </section>
      <Bars room={name} />
    </>
  );
}
