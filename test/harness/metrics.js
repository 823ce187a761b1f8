// Metrics of a node.

// metric returns the sum of all series of a metric, 0 when there are none.
export async function metric(node, name) {
  const text = await (await fetch(`${node.admin}/metrics`)).text();
  let sum = 0;
  for (const [, value] of text.matchAll(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, "gm"))) sum += Number(value);
  return sum;
}
