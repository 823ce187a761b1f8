import { useSignal } from "@preact/signals";
import { listen } from "chorus-kit/listen";
import { useEffect } from "preact/hooks";
import type { Rooms } from "../chat/model/rooms.js";
import { type ClusterState, dev, type WayOfMessage } from "./api.js";
import { text } from "./text.js";

interface Trip {
  began: number;
  /** When this tab heard its own message. */
  heard?: number;
  way?: WayOfMessage;
}

/** A message is everywhere after this time, or it has not found its way, in milliseconds. */
const settled = [150, 1_000];

const now = () => performance.timeOrigin + performance.now();

/** Draws the way of the last message that this tab sent: to its node, to Redis, to all nodes and their clients. */
export function Way({ rooms, cluster }: { rooms: Rooms; cluster: ClusterState }) {
  const trip = useSignal<Trip | null>(null);

  useEffect(() => {
    const { socket } = rooms;
    const timers = new Set<ReturnType<typeof setTimeout>>();
    const sent = (event: string) => {
      if (event === "publish") trip.value = { began: now() };
    };
    const look = (id: string, began: number) => {
      dev.way(id).then(
        (way) => {
          if (trip.peek()?.began === began) trip.value = { began, ...trip.peek(), way };
        },
        () => undefined, // the node of this page was killed
      );
    };
    socket.onAnyOutgoing(sent);
    const silence = listen(socket, {
      publish: (_room, _value, meta) => {
        const last = trip.peek();
        if (last === null || last.heard !== undefined || meta.from?.id !== rooms.me.id) return;
        trip.value = { ...last, heard: now() };
        for (const pause of settled) timers.add(setTimeout(() => look(meta.id, last.began), pause));
      },
    });
    return () => {
      socket.offAnyOutgoing(sent);
      silence();
      for (const timer of timers) clearTimeout(timer);
    };
  }, [rooms]);

  const { here, nodes, redis } = cluster;
  const last = trip.value;
  const after = (at: number | undefined) => (last === null || !at ? undefined : text.way.ms(Math.max(0, at - last.began)));
  return (
    <section class="way">
      <h3>{text.way.title}</h3>
      <ol>
        <Stop name={text.way.client} time={last === null ? undefined : text.way.sent} />
        <Stop name={here >= 0 ? text.way.node(here) : text.way.nowhere} time={after(last?.way?.taken)} />
        <Stop name={text.way.redis} broken={redis.up ? undefined : text.way.away} time={after(last?.way?.accepted)} />
        <li class="all">
          <ul>
            {nodes.map(({ running, connections }, node) => (
              <Stop
                key={node}
                name={text.way.node(node)}
                broken={running ? undefined : text.way.stopped}
                time={after(last?.way?.delivered[node])}
                more={running ? text.way.clients(connections) : undefined}
              />
            ))}
          </ul>
        </li>
        <Stop name={text.way.client} time={after(last?.heard)} />
      </ol>
      <p class="soft">{last === null ? text.way.hint : text.way.explained}</p>
    </section>
  );
}

function Stop(props: { name: string; broken?: string | undefined; time?: string | undefined; more?: string | undefined }) {
  return (
    <li class={props.broken === undefined ? "stop" : "stop bad"}>
      <span>
        {props.name}
        {props.broken !== undefined && ` (${props.broken})`}
      </span>
      {props.time !== undefined && <small class="time">{props.time}</small>}
      {props.more !== undefined && <small class="soft">{props.more}</small>}
    </li>
  );
}
