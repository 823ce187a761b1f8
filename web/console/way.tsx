import { useSignal } from "@preact/signals";
import type { ChorusSocket } from "chorus-kit";
import { listen } from "chorus-kit/listen";
import { io } from "socket.io-client";
import { useEffect } from "preact/hooks";
import type { Rooms } from "../chat/model/rooms.js";
import { session } from "../chat/model/session.js";
import type { ClusterState } from "./api.js";
import { text } from "./text.js";

interface Trip {
  began: number;
  accepted?: number;
  /** When a client of each node heard the message. */
  heard: Record<number, number>;
}

/**
 * Draws the way of the last message: from this tab to its node, to Redis, to the nodes and their clients.
 * A second connection to each node takes the times.
 */
export function Way({ rooms, cluster }: { rooms: Rooms; cluster: ClusterState }) {
  const trip = useSignal<Trip | null>(null);
  const room = rooms.current.value;
  const name = room?.name;
  const urls = cluster.nodes.map(({ url }) => url).join(" ");

  useEffect(() => {
    if (name === undefined || name.startsWith("@")) return undefined;
    const watchers = urls.split(" ").map((url, node) => {
      const watcher: ChorusSocket = io(url, {
        auth: (give) => give({ token: session.peek()?.token }),
        transports: ["websocket"],
      });
      watcher.on("connect", () => watcher.emit("join", name, {}, () => undefined));
      watcher.on("publish", (_room, _value, meta) => {
        const now = trip.peek();
        if (now === null || meta.from?.id !== rooms.me.id || now.heard[node] !== undefined) return;
        trip.value = { ...now, heard: { ...now.heard, [node]: performance.now() - now.began } };
      });
      return watcher;
    });
    return () => {
      for (const watcher of watchers) watcher.disconnect();
    };
  }, [name, urls]);

  // The outgoing frame begins the trip, its acknowledgement says that Redis has the message.
  useEffect(() => {
    const { socket } = rooms;
    const sent = (event: string) => {
      if (event === "publish") trip.value = { began: performance.now(), heard: {} };
    };
    socket.onAnyOutgoing(sent);
    const silence = listen(socket, {
      publish: (_room, _value, meta) => {
        const now = trip.peek();
        if (now === null || now.accepted !== undefined || meta.from?.id !== rooms.me.id) return;
        trip.value = { ...now, accepted: performance.now() - now.began };
      },
    });
    return () => {
      socket.offAnyOutgoing(sent);
      silence();
    };
  }, [rooms]);

  const { here, nodes, redis } = cluster;
  const last = trip.value;
  return (
    <section class="way">
      <h3>{text.way.title}</h3>
      <ol>
        <li>{text.way.client}</li>
        <li>{here >= 0 ? text.way.node(here) : text.way.stopped}</li>
        <li class={redis.up ? "" : "bad"}>
          {text.way.redis}
          {!redis.up && ` (${text.way.away})`}
          {last?.accepted !== undefined && <small>{text.way.ms(last.accepted)}</small>}
        </li>
        <li>
          <ul>
            {nodes.map(({ running }, node) => (
              <li key={node} class={running ? "" : "bad"}>
                {text.way.node(node)}
                {!running && ` (${text.way.stopped})`}
                {last?.heard[node] !== undefined && (
                  <small>
                    {text.way.heard} {text.way.ms(last.heard[node])}
                  </small>
                )}
              </li>
            ))}
          </ul>
        </li>
      </ol>
      {last === null && <p class="soft">{text.way.hint}</p>}
    </section>
  );
}
