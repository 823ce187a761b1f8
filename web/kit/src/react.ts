// Hooks for React.

import { useEffect, useState, useSyncExternalStore } from "react";
import { Room, type RoomOptions } from "./room.js";
import type { State } from "./state.js";
import type { ChorusClient } from "./types.js";

/** The value of a state, kept current. */
export function useValue<T>(state: State<T>): T {
  return useSyncExternalStore(
    (listener) => state.watch(listener),
    () => state.get(),
    () => state.get(),
  );
}

/** A room for as long as the component is shown; null before the first effect. */
export function useRoom<V = unknown>(socket: ChorusClient, name: string, options?: RoomOptions): Room<V> | null {
  const [current, setCurrent] = useState<Room<V> | null>(null);
  useEffect(() => {
    const room = new Room<V>(socket, name, options);
    setCurrent(room);
    return () => {
      setCurrent(null);
      room.leave();
    };
  }, [socket, name]);
  return current;
}
