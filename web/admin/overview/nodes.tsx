import { bytes, count, ms, perSecond, time } from "../model/format.js";
import type { History } from "../model/series.js";
import type { NodeInfo, Sample } from "../model/types.js";
import { Table } from "../parts.js";
import { text } from "../text.js";

/** One row for each node that is alive. `version` changes with the history. */
export function Nodes({ nodes, history }: { nodes: NodeInfo[]; history: History; version: number }) {
  const t = text.overview;
  return (
    <section class="card" aria-label={t.nodes}>
      <h2>
        {t.nodes} <span class="soft">{count(nodes.length)}</span>
      </h2>
      <Table label={t.nodes} heads={[t.node, t.state, t.connections, t.rates, t.memory, t.lag, t.version, t.since]} numbers={[t.connections, t.rates, t.memory, t.lag]}>
        {nodes.map((node) => (
          <Row key={node.id} node={node} last={history.last(node.id)} />
        ))}
      </Table>
    </section>
  );
}

function Row({ node, last }: { node: NodeInfo; last: [Sample, Sample] | undefined }) {
  const t = text.overview;
  const now = last?.[1];
  return (
    <tr data-node={node.id}>
      <th scope="row">
        <bdi>{node.id}</bdi>
        <br />
        <span class="soft">{node.address}</span>
      </th>
      <td class={node.draining || !node.ready ? "warn" : "good"}>
        {node.draining ? t.draining : node.ready ? t.ready : t.notReady}
      </td>
      <td class="number">{count(now?.connections ?? node.connections)}</td>
      <td class="number">
        {perSecond(rate(last, (s) => s.inTotal))} / {perSecond(rate(last, (s) => s.outTotal))}
      </td>
      <td class="number">{now === undefined ? "–" : bytes(now.memory)}</td>
      <td class="number">{now === undefined ? "–" : ms(Math.max(now.probeMs ?? 0, now.lagMs))}</td>
      <td>{node.version}</td>
      <td class="soft time">{time(node.started)}</td>
    </tr>
  );
}

function rate(last: [Sample, Sample] | undefined, value: (sample: Sample) => number): number | null {
  if (last === undefined) return null;
  const [before, now] = last;
  const growth = value(now) - value(before);
  return growth < 0 || now.at <= before.at ? null : (growth * 1000) / (now.at - before.at);
}
