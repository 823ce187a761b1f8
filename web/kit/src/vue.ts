// Composables for Vue.

import { onScopeDispose, type ShallowRef, shallowRef } from "vue";
import { Room, type RoomOptions } from "./room.js";
import type { State } from "./state.js";
import type { ChorusClient } from "./types.js";

/** The value of a state as a ref. It ends with the scope that made it. */
export function useValue<T>(state: State<T>): Readonly<ShallowRef<T>> {
  const ref = shallowRef(state.get());
  onScopeDispose(
    state.watch(() => {
      ref.value = state.get();
    }),
  );
  return ref;
}

/** A room for as long as the scope lives. */
export function useRoom<V = unknown>(socket: ChorusClient, name: string, options?: RoomOptions): Room<V> {
  const room = new Room<V>(socket, name, options);
  onScopeDispose(() => room.leave());
  return room;
}
