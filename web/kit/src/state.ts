// State that a page watches. It is the smallest thing that React, Vue and signals can all follow.

/** A value that changes. It is replaced, never changed in place. */
export interface State<T> {
  get(): T;
  /** Calls `listener` after every change, until the function that it returns is called. */
  watch(listener: () => void): () => void;
}

export class Writable<T> implements State<T> {
  private readonly listeners = new Set<() => void>();

  constructor(private value: T) {}

  get(): T {
    return this.value;
  }

  set(value: T): void {
    if (Object.is(value, this.value)) return;
    this.value = value;
    for (const listener of [...this.listeners]) listener();
  }

  watch(listener: () => void): () => void {
    this.listeners.add(listener);
    return () => void this.listeners.delete(listener);
  }
}
