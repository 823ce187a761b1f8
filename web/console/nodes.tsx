import { session } from "../chat/model/session.js";
import { type ClusterState, dev } from "./api.js";
import { text } from "./text.js";

type Act = (action: () => Promise<unknown>) => Promise<void>;

/** The nodes, with buttons that kill and start them, and that take Redis away. */
export function Nodes({ cluster, act }: { cluster: ClusterState; act: Act }) {
  const guest = () => `${session.peek()?.user.name ?? "Guest"}-${Math.floor(Math.random() * 900) + 100}`;
  return (
    <section>
      <h3>{text.nodes.title}</h3>
      <ul class="plain">
        {cluster.nodes.map(({ url, running, connections }, node) => (
          <li key={url}>
            <span class={running ? "" : "bad"}>
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
