// Samples of nodes as lines of charts. Where nothing was measured there is null, which is drawn as a gap.

import type { Sample, Samples } from "./types.js";

/** Holds what was measured in the last quarter of an hour. */
export class History {
  private readonly nodes = new Map<string, Sample[]>();
  /** The time between two samples of a node, in milliseconds. */
  interval = 2_000;

  constructor(private readonly span = 15 * 60_000) {}

  /** The time of the newest sample, to ask for later ones. */
  get newest(): number {
    return Math.max(0, ...[...this.nodes.values()].map((samples) => samples.at(-1)?.at ?? 0));
  }

  add({ intervalMs, nodes }: Samples): void {
    this.interval = intervalMs;
    for (const { node, samples } of nodes) {
      const known = this.nodes.get(node) ?? [];
      const last = known.at(-1)?.at ?? 0;
      this.nodes.set(node, [...known, ...samples.filter(({ at }) => at > last)]);
    }
    const oldest = this.newest - this.span;
    for (const [node, samples] of this.nodes) {
      const kept = samples.filter(({ at }) => at > oldest);
      if (kept.length > 0) this.nodes.set(node, kept);
      else this.nodes.delete(node);
    }
  }

  /** The newest sample of a node with the one before it. */
  last(node: string): [Sample, Sample] | undefined {
    const samples = this.nodes.get(node);
    const [before, now] = [samples?.at(-2), samples?.at(-1)];
    return before === undefined || now === undefined ? undefined : [before, now];
  }

  /** The times of the charts, in seconds: one for each interval since the oldest sample. */
  times(): number[] {
    const all = [...this.nodes.values()].flatMap((samples) => samples.map(({ at }) => this.slot(at)));
    if (all.length === 0) return [];
    const [first, last] = [all.reduce((a, b) => Math.min(a, b)), all.reduce((a, b) => Math.max(a, b))];
    return Array.from({ length: last - first + 1 }, (_, i) => ((first + i) * this.interval) / 1000);
  }

  /** The sum of a value over the nodes at each time. */
  sum(value: (sample: Sample) => number): (number | null)[] {
    return this.line((totals, samples) => {
      for (const sample of samples) totals.add(this.slot(sample.at), value(sample));
    });
  }

  /** The growth of a number a second, over all nodes. A number that falls is that of a node which began again. */
  rate(value: (sample: Sample) => number): (number | null)[] {
    return this.line((totals, samples) => {
      for (let i = 1; i < samples.length; i++) {
        const [before, now] = [samples[i - 1], samples[i]];
        if (before === undefined || now === undefined) continue;
        const [time, growth] = [(now.at - before.at) / 1000, value(now) - value(before)];
        if (growth >= 0 && time > 0 && now.at - before.at < 3 * this.interval) totals.add(this.slot(now.at), growth / time);
      }
    });
  }

  /** A quantile of a value over all nodes and the last minute before each time. */
  quantile(value: (sample: Sample) => number | null, q: number): (number | null)[] {
    const bySlot = new Map<number, number[]>();
    for (const samples of this.nodes.values()) {
      for (const sample of samples) {
        const v = value(sample);
        if (v !== null) bySlot.set(this.slot(sample.at), [...(bySlot.get(this.slot(sample.at)) ?? []), v]);
      }
    }
    const window = Math.round(60_000 / this.interval);
    return this.times().map((time) => {
      const slot = this.slot(time * 1000);
      if (!bySlot.has(slot)) return null;
      const values: number[] = [];
      for (let i = Math.max(0, slot - window + 1); i <= slot; i++) values.push(...(bySlot.get(i) ?? []));
      values.sort((a, b) => a - b);
      return values[Math.min(values.length - 1, Math.floor(q * values.length))] ?? null;
    });
  }

  /** The codes of refusals that have occurred. */
  codes(): string[] {
    const codes = new Set<string>();
    for (const samples of this.nodes.values()) for (const code of Object.keys(samples.at(-1)?.refusedTotal ?? {})) codes.add(code);
    return [...codes].sort();
  }

  private slot(at: number): number {
    return Math.floor(at / this.interval);
  }

  private line(fill: (totals: Totals, samples: Sample[]) => void): (number | null)[] {
    const totals = new Totals();
    for (const samples of this.nodes.values()) fill(totals, samples);
    return this.times().map((time) => totals.get(this.slot(time * 1000)));
  }
}

class Totals {
  private readonly values = new Map<number, number>();

  add(slot: number, value: number): void {
    this.values.set(slot, (this.values.get(slot) ?? 0) + value);
  }

  get(slot: number): number | null {
    return this.values.get(slot) ?? null;
  }
}
