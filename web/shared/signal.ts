import { type ReadonlySignal, signal } from "@preact/signals";
import type { State } from "chorus-kit";

/** A state of the kit as a signal. It follows the state for as long as the state lives. */
export function follow<T>(state: State<T>): ReadonlySignal<T> {
  const followed = signal(state.get());
  state.watch(() => {
    followed.value = state.get();
  });
  return followed;
}
