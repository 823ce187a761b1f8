// Who is in a room: a page of members, kept true by diffs. A diff that was missed leads to a new page.

import { listen } from "./listen.js";
import { request } from "./request.js";
import { Writable } from "./state.js";
import type { ChorusClient, Member, Members, PresenceDiff } from "./types.js";

/** Members that are held at most. In larger rooms the rest is a number. */
const mostMembers = 1_000;

export class Presence {
  readonly members = new Writable<Member[]>([]);
  readonly count = new Writable(0);

  private epoch: string | undefined;
  private seq = 0;
  private loading = false;
  private readonly stop: () => void;

  constructor(
    private readonly socket: ChorusClient,
    private readonly room: string,
  ) {
    this.stop = listen(socket, { presence: (name, diff) => name === room && this.changed(diff) });
  }

  /** Takes what `join` answered. */
  start(count: number, page: Members | undefined): void {
    this.count.set(count);
    if (page === undefined) return;
    this.members.set(page.users);
    this.epoch = undefined; // the first diff decides where the page stands
  }

  close(): void {
    this.stop();
  }

  private changed(diff: PresenceDiff): void {
    this.count.set(diff.count);
    if (diff.joined === undefined && diff.left === undefined && diff.changed === undefined) return;
    const next = this.epoch === undefined || (diff.epoch === this.epoch && diff.seq === this.seq + 1);
    this.epoch = diff.epoch;
    this.seq = diff.seq;
    if (!next) {
      void this.load();
      return;
    }
    const gone = new Set(diff.left);
    const fresh = new Map([...(diff.joined ?? []), ...(diff.changed ?? [])].map((m) => [m.id, m]));
    const stay = this.members
      .get()
      .filter((m) => !gone.has(m.id))
      .map((m) => fresh.get(m.id) ?? m);
    const known = new Set(stay.map((m) => m.id));
    const joined = (diff.joined ?? []).filter((m) => !known.has(m.id));
    this.members.set([...stay, ...joined].slice(0, mostMembers));
  }

  private async load(): Promise<void> {
    if (this.loading) return;
    this.loading = true;
    try {
      const page = await request(this.socket, "presence", this.room, { watch: true, limit: mostMembers });
      this.members.set(page.users);
      this.count.set(page.count);
      if (page.epoch !== this.epoch || page.seq > this.seq) {
        this.epoch = page.epoch;
        this.seq = page.seq;
      }
    } catch {
      this.epoch = undefined; // the next join brings a page
    } finally {
      this.loading = false;
    }
  }
}
