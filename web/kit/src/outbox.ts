// Sends the messages of a room that wait, one after the other, so that their order is the user's.

import { Backoff } from "./backoff.js";
import type { Messages } from "./messages.js";
import { RequestError, request } from "./request.js";
import type { ChorusClient } from "./types.js";

export class Outbox<V> {
  private open = false;
  private busy = false;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private readonly backoff = new Backoff();

  constructor(
    private readonly socket: ChorusClient,
    private readonly room: string,
    private readonly log: Messages<V>,
    private readonly changed: () => void,
  ) {}

  /** The room is joined: what waits may go. */
  resume(): void {
    this.open = true;
    this.flush();
  }

  /** The connection is away: what waits stays. */
  pause(): void {
    this.open = false;
    clearTimeout(this.timer);
  }

  close(): void {
    this.pause();
  }

  flush(): void {
    if (this.busy || !this.open) return;
    const message = this.log.nextPending();
    if (message === undefined) return;
    this.busy = true;
    clearTimeout(this.timer);
    const { id, value, mentions } = message;
    request(this.socket, "publish", this.room, value, { id, ...(mentions === undefined ? {} : { mentions }) })
      .then(
        (meta) => {
          this.backoff.reset();
          this.log.accepted(id, meta);
          return 0;
        },
        (error: RequestError) => {
          if (error.temporary) return error.refusal.retry_after_ms ?? this.backoff.next();
          this.log.failed(id, error.refusal);
          return 0;
        },
      )
      .then((pause) => {
        this.busy = false;
        this.changed();
        if (pause === 0) this.flush();
        else if (this.open) this.timer = setTimeout(() => this.flush(), pause);
      });
  }
}
