import { useSignal } from "@preact/signals";
import { useMemo, useRef } from "preact/hooks";
import { path } from "../model/api.js";
import { count, perSecond, time } from "../model/format.js";
import { useLive } from "../model/live.js";
import { Rates } from "../model/rates.js";
import type { Connection, Marker, Permission } from "../model/types.js";
import { Problem, Table } from "../parts.js";
import { text } from "../text.js";
import { Actions } from "./actions.js";
import { Trace } from "./trace.js";

const interval = 3_000;

/** All about one user: connections, rights, and what can be done. */
export function User({ id }: { id: string }) {
  const { users: t } = text;
  return (
    <>
      <p>
        <a href="#/users">{t.back}</a>
      </p>
      <Connections id={id} />
      <Markers id={id} />
      <Permissions id={id} />
      <Actions id={id} />
      <Trace id={id} />
    </>
  );
}

function Connections({ id }: { id: string }) {
  const list = useLive<{ connections: Connection[] }>(path`/users/${id}/connections`, interval);
  const { users: t } = text;
  const connections = list.value.value?.connections;
  const rates = useRef(new Rates()).current;
  useMemo(() => connections !== undefined && rates.add(connections, performance.now()), [connections]);
  return (
    <section class="card">
      <h2>
        <bdi>{id}</bdi>
      </h2>
      <Problem of={list.problem} />
      {connections !== undefined && connections.length === 0 && <p class="soft">{t.offline}</p>}
      {connections !== undefined && connections.length > 0 && (
        <Table label={t.connections} heads={[t.id, text.overview.node, text.rooms.since, t.transport, t.address, text.overview.rates, t.total, t.inRooms]} numbers={[text.overview.rates, t.total]}>
          {connections.map((connection) => (
            <tr key={connection.id}>
              <td>{connection.id}</td>
              <td>{connection.node}</td>
              <td class="soft time">{time(connection.since)}</td>
              <td>{connection.transport}</td>
              <td title={connection.userAgent}>{connection.address}</td>
              <td class="number">
                {perSecond(rates.of(connection.id)?.received ?? null)} / {perSecond(rates.of(connection.id)?.sent ?? null)}
              </td>
              <td class="number">
                {count(connection.received)} / {count(connection.sent)}
              </td>
              <td class="words">
                {connection.rooms.map((room) => (
                  <span key={room}>
                    <a href={`#/rooms/${encodeURIComponent(room)}`}>
                      <bdi>{room}</bdi>
                    </a>{" "}
                  </span>
                ))}
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function Markers({ id }: { id: string }) {
  const list = useLive<{ rooms: Marker[] }>(path`/users/${id}/unread`, interval);
  const { users: t } = text;
  const rooms = list.value.value?.rooms ?? [];
  return (
    <section class="card">
      <h2>{t.markers}</h2>
      <Problem of={list.problem} />
      {rooms.length === 0 ? (
        <p class="soft">{text.none}</p>
      ) : (
        <Table label={t.markers} heads={[text.rooms.room, t.position, t.last, t.unread, t.mentions]} numbers={[t.position, t.last, t.unread, t.mentions]}>
          {rooms.map(({ room, read, last, unread, mentions }) => (
            <tr key={room}>
              <td>
                <bdi>{room}</bdi>
              </td>
              <td class="number">{count(read)}</td>
              <td class="number">{count(last)}</td>
              <td class="number">{count(unread)}</td>
              <td class="number">{count(mentions)}</td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}

function Permissions({ id }: { id: string }) {
  const room = useSignal("lobby");
  const query = new URLSearchParams({ room: room.value });
  const where = `${path`/users/${id}/permissions`}?${query}`;
  const list = useLive<{ permissions: Permission[] }>(room.value === "" ? null : where, 10_000);
  const { users: t } = text;
  const permissions = list.value.value?.permissions;
  return (
    <section class="card">
      <h2>{t.permissions}</h2>
      <p class="fields">
        <label>
          {t.permissionsRoom}
          <input
            value={room.value}
            onInput={(event) => {
              room.value = event.currentTarget.value;
            }}
          />
        </label>
      </p>
      <Problem of={list.problem} />
      {permissions !== undefined && permissions.length === 0 && <p class="soft">{t.offline}</p>}
      {permissions !== undefined && permissions.length > 0 && (
        <Table label={t.permissions} heads={[t.action, t.allowed, t.rule]}>
          {permissions.map(({ action, name, allowed, rule }) => (
            <tr key={action}>
              <td>
                {action} {name !== "" && <bdi class="soft">{name}</bdi>}
              </td>
              <td class={allowed ? "good" : "bad"}>{allowed ? t.yes : t.no}</td>
              <td>
                <bdi>{rule}</bdi>
              </td>
            </tr>
          ))}
        </Table>
      )}
    </section>
  );
}
