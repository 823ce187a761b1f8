import { useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import "./overview.css";
import { call } from "../model/api.js";
import { useLive } from "../model/live.js";
import { History } from "../model/series.js";
import type { NodeInfo, Samples } from "../model/types.js";
import { Problem } from "../parts.js";
import { text } from "../text.js";
import { Chart } from "./chart.js";
import { Nodes } from "./nodes.js";

/** How often the figures are read, in milliseconds. */
const interval = 2_000;

/** The nodes of the cluster, and how it was doing in the last quarter of an hour. */
export function Overview() {
  const nodes = useLive<{ nodes: NodeInfo[] }>("/nodes", interval);
  const history = useRef(new History()).current;
  const version = useSignal(0);
  useEffect(() => {
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      try {
        if (document.visibilityState === "visible") {
          history.add(await call<Samples>("GET", `/samples?since=${history.newest}`));
          if (!ended) version.value++;
        }
      } catch {
        // The list of nodes says what is wrong.
      }
      if (!ended) timer = setTimeout(() => void read(), interval);
    };
    void read();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, []);

  return (
    <>
      <Problem of={nodes.problem} />
      {nodes.value.value !== null && <Nodes nodes={nodes.value.value.nodes} history={history} version={version.value} />}
      <Charts history={history} version={version.value} />
    </>
  );
}

function Charts({ history, version }: { history: History; version: number }) {
  const { times, connections, messages, codes, refusals, probe } = useMemo(() => linesOf(history), [version]);
  const { overview: t } = text;
  return (
    <section class="card" aria-label={t.charts}>
      <h2>{t.charts}</h2>
      <div class="charts">
        <Chart title={t.clients} names={[t.clients]} times={times} lines={connections} />
        <Chart title={t.messages} names={[t.received, t.delivered, t.published]} times={times} lines={messages} />
        {codes.length === 0 ? (
          <figure>
            <figcaption>{t.refusals}</figcaption>
            <p class="soft">{t.noRefusals}</p>
          </figure>
        ) : (
          <Chart
            title={t.refusals}
            names={codes}
            times={times}
            lines={refusals}
          />
        )}
        <Chart title={t.probe} names={[t.p50, t.p95]} times={times} lines={probe} />
      </div>
    </section>
  );
}

function linesOf(history: History) {
  const codes = history.codes();
  return {
    times: history.times(),
    connections: [history.sum((s) => s.connections)],
    messages: [history.rate((s) => s.inTotal), history.rate((s) => s.outTotal), history.rate((s) => s.publishedTotal)],
    codes,
    refusals: codes.map((code) => history.rate((s) => s.refusedTotal[code] ?? 0)),
    probe: [history.quantile((s) => s.probeMs, 0.5), history.quantile((s) => s.probeMs, 0.95)],
  };
}
