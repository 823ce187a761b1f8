// Who is writing. The server ends it by itself after a few seconds, so a user who goes on writing says so again.

import { listen } from "./listen.js";
import { request } from "./request.js";
import { Writable } from "./state.js";
import type { ChorusClient, User } from "./types.js";

/** Shorter than the server's 5 s, in milliseconds. */
const repeat = 3_000;

export class Typing {
  readonly state = new Writable<{ users: User[]; count: number }>({ users: [], count: 0 });
  private last = 0;
  private readonly silence: () => void;

  constructor(
    private readonly socket: ChorusClient,
    private readonly room: string,
    me: string | undefined,
  ) {
    this.silence = listen(socket, {
      typing: (name, { users, count }) => {
        if (name !== room) return;
        const others = users.filter(({ id }) => id !== me);
        this.state.set({ users: others, count: count - (users.length - others.length) });
      },
      disconnect: () => this.state.set({ users: [], count: 0 }),
    });
  }

  start(): void {
    const now = Date.now();
    if (now - this.last < repeat || !this.socket.connected) return;
    this.last = now;
    this.say(true);
  }

  stop(): void {
    if (this.last === 0) return;
    this.last = 0;
    if (this.socket.connected) this.say(false);
  }

  close(): void {
    this.stop();
    this.silence();
  }

  private say(on: boolean): void {
    // Nothing depends on it: a refusal is not worth a word.
    request(this.socket, "typing", this.room, on).catch(() => undefined);
  }
}
