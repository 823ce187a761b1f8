import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import "./console.css";
import { status } from "../chat/model/connection.js";
import type { PageConfig } from "../chat/model/page.js";
import type { Rooms } from "../chat/model/rooms.js";
import { type ClusterState, dev } from "./api.js";
import { Frames } from "./frames.js";
import { Nodes } from "./nodes.js";
import { Snippets } from "./snippets.js";
import { text } from "./text.js";
import { Token } from "./token.js";
import { Way } from "./way.js";

/** How often the state of the cluster is read, in milliseconds. */
const interval = 1_000;

/** The development console: what the cluster does, and buttons that disturb it. */
export default function Console({ rooms }: { rooms: Rooms; page: PageConfig }) {
  const state = useSignal<ClusterState | null>(null);
  const problem = useSignal("");

  const look = async () => {
    try {
      state.value = await dev.state(rooms.socket.io.engine?.id ?? "");
    } catch {
      // The node of this page was killed. The next look may be answered.
    }
  };
  useEffect(() => {
    void look();
    const timer = setInterval(() => void look(), interval);
    return () => clearInterval(timer);
  }, [status.value]);

  /** Does something to the cluster and shows what came of it. */
  const act = async (action: () => Promise<unknown>) => {
    problem.value = "";
    try {
      await action();
    } catch (error) {
      problem.value = error instanceof Error ? error.message : String(error);
    }
    await look();
  };

  return (
    <section class="console" aria-label={text.title}>
      <details open={matchMedia("(min-width: 641px)").matches}>
        <summary>
          {text.title}
          <span class="soft"> · {whereIs(state.value)}</span>
        </summary>
        {problem.value !== "" && (
          <p class="bad" role="alert">
            {problem.value}
          </p>
        )}
        {state.value !== null && (
          <div class="panels">
            <Way rooms={rooms} cluster={state.value} />
            <Nodes rooms={rooms} cluster={state.value} act={act} />
            <Token rooms={rooms} act={act} />
            <Frames rooms={rooms} />
            <Snippets cluster={state.value} />
          </div>
        )}
      </details>
    </section>
  );
}

function whereIs(cluster: ClusterState | null): string {
  const node = cluster?.nodes[cluster.here];
  return cluster !== null && node !== undefined ? text.here(cluster.here, node.url) : text.nowhere;
}
