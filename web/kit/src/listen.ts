import type { ChorusClient, End, ServerToClient } from "./types.js";

/** An error of the handshake. `data` says why the server refused. */
export type ConnectError = Error & { data?: Partial<End> & { reason?: string; retry_after_ms?: number } };

type Listeners = Partial<
  ServerToClient & {
    connect: () => void;
    connect_error: (error: ConnectError) => void;
    disconnect: (reason: string) => void;
  }
>;

/** Listens to several events of a socket, until the function that it returns is called. */
export function listen(socket: ChorusClient, listeners: Listeners): () => void {
  // The client types each event by itself; the pairs were checked above.
  const any = socket as unknown as Record<"on" | "off", (event: string, listener: unknown) => void>;
  for (const [event, listener] of Object.entries(listeners)) any.on(event, listener);
  return () => {
    for (const [event, listener] of Object.entries(listeners)) any.off(event, listener);
  };
}
