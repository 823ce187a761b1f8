// Answers of the API that are kept current.

import { type Signal, useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { call } from "./api.js";

export interface Live<T> {
  value: Signal<T | null>;
  problem: Signal<string>;
  /** Asks at once. */
  refresh(): void;
}

/** Reads a path again and again while the page is visible; a null path reads nothing. */
export function useLive<T>(where: string | null, interval: number): Live<T> {
  const value = useSignal<T | null>(null);
  const problem = useSignal("");
  const wish = useSignal(0);
  useEffect(() => {
    if (where === null) return undefined;
    let ended = false;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const read = async () => {
      if (document.visibilityState === "visible") {
        try {
          const answer = await call<T>("GET", where);
          if (ended) return;
          value.value = answer;
          problem.value = "";
        } catch (error) {
          if (ended) return;
          problem.value = error instanceof Error ? error.message : String(error);
        }
      }
      if (!ended) timer = setTimeout(() => void read(), interval);
    };
    value.value = null;
    void read();
    return () => {
      ended = true;
      clearTimeout(timer);
    };
  }, [where]);
  useEffect(() => {
    if (where === null || wish.value === 0) return;
    call<T>("GET", where).then(
      (answer) => (value.value = answer),
      (error: unknown) => (problem.value = error instanceof Error ? error.message : String(error)),
    );
  }, [wish.value]);
  return {
    value,
    problem,
    refresh: () => {
      wish.value++;
    },
  };
}
