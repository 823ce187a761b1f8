import { useSignal } from "@preact/signals";
import type { Rooms } from "../chat/model/rooms.js";
import type { ChorusSocket } from "chorus-kit";
import { session } from "../chat/model/session.js";
import { type ClusterState, dev } from "./api.js";
import { text } from "./text.js";

type Act = (action: () => Promise<unknown>) => Promise<void>;

/** The nodes, with buttons that kill and start them, and that take Redis away. */
export function Nodes({ rooms, cluster, act }: { rooms: Rooms; cluster: ClusterState; act: Act }) {
  const slow = useSignal(false);
  const guest = () => `${session.peek()?.user.name ?? "Guest"}-${Math.floor(Math.random() * 900) + 100}`;
  // The client connects again, to its node behind a slow line or back to the address of this page.
  const changeSpeed = async () => {
    const address = cluster.nodes[Math.max(0, cluster.here)]?.slow ?? location.origin;
    slow.value = !slow.value;
    redirect(rooms.socket, slow.value ? address : location.origin);
  };
  return (
    <section>
      <h3>{text.nodes.title}</h3>
      <ul class="plain">
        {cluster.nodes.map(({ url, running, connections }, node) => (
          <li key={url}>
            <span class={running ? "what" : "what bad"}>
              {text.way.node(node)} · {running ? text.nodes.connections(connections) : text.way.stopped}
            </span>
            {running ? (
              <>
                <button
                  type="button"
                  aria-label={text.nodes.tab(node)}
                  onClick={() => window.open(`${url}/?as=${guest()}`, "_blank", "noopener")}
                >
                  {text.nodes.shortTab}
                </button>
                <button
                  type="button"
                  class="danger"
                  aria-label={text.nodes.kill(node)}
                  onClick={() => void act(() => dev.kill(node))}
                >
                  {text.nodes.shortKill}
                </button>
              </>
            ) : (
              <button type="button" onClick={() => void act(() => dev.start(node))}>
                {text.nodes.start(node)}
              </button>
            )}
          </li>
        ))}
      </ul>
      <button type="button" aria-pressed={slow.value} onClick={() => void act(changeSpeed)}>
        {slow.value ? text.nodes.fast : text.nodes.slow}
      </button>
      {slow.value && <p class="soft">{text.nodes.slowly}</p>}
      <button
        type="button"
        class="danger"
        disabled={!cluster.redis.embedded || !cluster.redis.up}
        title={cluster.redis.embedded ? "" : text.nodes.foreign}
        onClick={() => void act(dev.redisOutage)}
      >
        {text.nodes.redis}
      </button>
    </section>
  );
}

/** Moves a client to another address, as it moves when its connection breaks: what it missed is brought. */
function redirect(socket: ChorusSocket, url: string): void {
  const { io } = socket;
  // The official client has no public way to change the address of a manager.
  (io as unknown as { uri: string }).uri = url;
  io.engine.close();
}
