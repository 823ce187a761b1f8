import { useSignal } from "@preact/signals";
import { RequestError } from "chorus-kit";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import "./messages.css";
import { notify } from "../model/connection.js";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import { text } from "../text.js";
import { entries } from "./entries.js";
import { MessageRow } from "./message.js";

/** How near the end counts as the end, in pixels. */
const nearEnd = 80;

/** The messages of a room. It stays at the end while the reader is there, and keeps its place otherwise. */
export function MessageLog({ rooms, room }: { rooms: Rooms; room: OpenRoom }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const height = useRef(0);
  const away = useSignal(false); // the reader is not at the end
  const loading = useSignal(false);
  const messages = room.messages.value;
  const status = room.status.value;
  const { read } = room.unread.value;
  // The divider stays where it was when the room was opened, until the reader writes or comes back.
  const divider = useSignal<number | null>(null);
  if (divider.peek() === null && status.phase === "joined" && read > 0) divider.value = read;

  const markRead = () => {
    if (atEnd.current && document.visibilityState === "visible") room.room.markRead().catch(() => undefined);
  };

  // What was put above the reader's place must not move it.
  useLayoutEffect(() => {
    const view = box.current;
    if (view === null) return;
    if (atEnd.current) view.scrollTop = view.scrollHeight;
    height.current = view.scrollHeight;
  }, [messages]);
  useEffect(markRead, [messages, status.phase]);
  useEffect(() => {
    document.addEventListener("visibilitychange", markRead);
    return () => document.removeEventListener("visibilitychange", markRead);
  }, []);

  const older = async () => {
    const view = box.current;
    if (view === null || loading.value) return;
    loading.value = true;
    const fromEnd = view.scrollHeight - view.scrollTop;
    try {
      await room.room.older();
      requestAnimationFrame(() => {
        view.scrollTop = view.scrollHeight - fromEnd;
      });
    } catch (error) {
      if (error instanceof RequestError) notify(error.message, true);
    } finally {
      loading.value = false;
    }
  };
  const scrolled = () => {
    const view = box.current;
    if (view === null) return;
    atEnd.current = view.scrollHeight - view.scrollTop - view.clientHeight < nearEnd;
    away.value = !atEnd.current;
    if (atEnd.current) markRead();
    if (view.scrollTop < 200 && status.older) void older();
  };
  const toEnd = () => {
    const view = box.current;
    if (view !== null) view.scrollTop = view.scrollHeight;
  };

  return (
    <div class="log">
      <RoomNotice rooms={rooms} room={room} />
      <div class="scroll" ref={box} role="log" aria-label={text.messages.title} tabIndex={0} onScroll={scrolled}>
        {status.older ? (
          <button type="button" class="older" disabled={loading.value} onClick={() => void older()}>
            {loading.value ? text.messages.loading : text.messages.older}
          </button>
        ) : (
          <p class="soft start">{messages.length === 0 ? text.messages.empty : text.messages.start}</p>
        )}
        {entries(messages, divider.value, rooms.me.id).map((entry) => {
          if (entry.kind === "day") {
            return (
              <h2 key={entry.key} class="day">
                {entry.label}
              </h2>
            );
          }
          if (entry.kind === "divider") {
            return (
              <p key="divider" class="divider">
                {text.messages.fresh}
              </p>
            );
          }
          return <MessageRow key={entry.message.id} {...entry} rooms={rooms} room={room} />;
        })}
      </div>
      {away.value && (
        <button type="button" class="latest" onClick={toEnd}>
          {text.messages.latest}
        </button>
      )}
      <p class="typing soft">
        <bdi>
          {text.messages.typing(
            room.typing.value.users.map(({ id, name }) => name ?? id),
            room.typing.value.count,
          )}
        </bdi>
      </p>
    </div>
  );
}

function RoomNotice({ rooms, room }: { rooms: Rooms; room: OpenRoom }) {
  const { phase, reason, gap } = room.status.value;
  if (phase === "refused" || phase === "left") {
    const why = reason?.message ?? "";
    return (
      <p class="room-notice bad" role="alert">
        {phase === "left" ? text.rooms.left(why) : text.rooms.refused(why)}{" "}
        <button type="button" onClick={() => rooms.again(room.name)}>
          {text.rooms.again}
        </button>
      </p>
    );
  }
  return gap ? <p class="room-notice">{text.messages.gap}</p> : null;
}
