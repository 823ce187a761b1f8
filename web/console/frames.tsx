import { useSignal } from "@preact/signals";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import { status } from "../chat/model/connection.js";
import type { Rooms } from "../chat/model/rooms.js";
import { text } from "./text.js";

interface Frame {
  number: number;
  sent: boolean;
  words: string;
}

/** Frames that are kept, and characters of each that are shown. */
const kept = 40;
const shown = 160;

/** How near the end counts as the end, in pixels. */
const nearEnd = 20;

const packets: Record<string, string> = {
  "0": "CONNECT",
  "1": "DISCONNECT",
  "2": "EVENT",
  "3": "ACK",
  "4": "CONNECT_ERROR",
  "5": "BINARY_EVENT",
  "6": "BINARY_ACK",
};

/** The frames of this connection as they pass, decoded. */
export function Frames({ rooms }: { rooms: Rooms }) {
  const frames = useSignal<Frame[]>([]);
  const paused = useSignal(false);
  const number = useRef(0);
  const phase = status.value.phase;

  useEffect(() => {
    const engine = rooms.socket.io.engine;
    if (engine === undefined) return undefined;
    const add = (sent: boolean) => (packet: { type: string; data?: unknown }) => {
      if (paused.peek()) return;
      const frame = { number: ++number.current, sent, words: describe(packet.type, packet.data) };
      frames.value = [...frames.value.slice(1 - kept), frame];
    };
    const [sent, received] = [add(true), add(false)];
    engine.on("packetCreate", sent);
    engine.on("packet", received);
    return () => {
      engine.off("packetCreate", sent);
      engine.off("packet", received);
    };
  }, [rooms, phase]);

  // The newest frame is in sight, unless the reader looks at older ones.
  const box = useRef<HTMLPreElement>(null);
  const atEnd = useRef(true);
  useLayoutEffect(() => {
    const view = box.current;
    if (view !== null && atEnd.current) view.scrollTop = view.scrollHeight;
  }, [frames.value]);
  const scrolled = () => {
    const view = box.current;
    if (view !== null) atEnd.current = view.scrollHeight - view.scrollTop - view.clientHeight < nearEnd;
  };

  return (
    <section>
      <h3>
        {text.frames.title}{" "}
        <button type="button" aria-pressed={paused.value} onClick={() => (paused.value = !paused.value)}>
          {paused.value ? text.frames.go : text.frames.pause}
        </button>
      </h3>
      <pre ref={box} class="frames" tabIndex={0} role="group" aria-label={text.frames.title} onScroll={scrolled}>
        {frames.value.map(({ number: key, sent, words }) => (
          <div key={key} class={sent ? "sent" : "received"}>
            <span title={sent ? text.frames.sent : text.frames.received}>{sent ? "→" : "←"}</span> {words}
          </div>
        ))}
      </pre>
    </section>
  );
}

/** Names an Engine.IO packet, and the Socket.IO packet inside. */
function describe(type: string, data: unknown): string {
  if (typeof data !== "string") return data === undefined ? type : `${type}: binary`;
  const hidden = data.replace(/"token":"[^"]*"/g, '"token":"…"');
  const cut = hidden.length > shown ? `${hidden.slice(0, shown)}…` : hidden;
  return type === "message" ? `${packets[data[0] ?? ""] ?? "?"} ${cut.slice(1)}` : `${type} ${cut}`;
}
