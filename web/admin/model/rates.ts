// How fast numbers grow that only grow, from two readings of them.

interface Reading {
  id: string;
  received: number;
  sent: number;
}

/** The messages of connections a second. */
export class Rates {
  private before = new Map<string, Reading & { at: number }>();
  private readonly rates = new Map<string, { received: number; sent: number }>();

  /** Takes a reading at a time in milliseconds. Connections that are missing are forgotten. */
  add(readings: Reading[], at: number): void {
    const before = this.before;
    this.before = new Map(readings.map((reading) => [reading.id, { ...reading, at }]));
    this.rates.clear();
    for (const { id, received, sent } of readings) {
      const last = before.get(id);
      if (last === undefined || at <= last.at) continue;
      const seconds = (at - last.at) / 1000;
      this.rates.set(id, { received: (received - last.received) / seconds, sent: (sent - last.sent) / seconds });
    }
  }

  of(id: string): { received: number; sent: number } | undefined {
    return this.rates.get(id);
  }
}
