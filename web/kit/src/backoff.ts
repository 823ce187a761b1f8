/** Pauses that double from `first` to `most` milliseconds, each with up to half of it as jitter. */
export class Backoff {
  private attempts = 0;

  constructor(
    private readonly first = 500,
    private readonly most = 30_000,
  ) {}

  next(): number {
    const pause = Math.min(this.most, this.first * 2 ** this.attempts++);
    return pause / 2 + (Math.random() * pause) / 2;
  }

  reset(): void {
    this.attempts = 0;
  }
}
