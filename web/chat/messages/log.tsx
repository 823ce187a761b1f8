import { useSignal } from "@preact/signals";
import { type LocalMessage, RequestError, type RoomStatus } from "chorus-kit";
import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import "./messages.css";
import { notify } from "../model/connection.js";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import type { Said } from "../model/said.js";
import { text } from "../text.js";
import { blocks, type Entry, entries, keyOf } from "./entries.js";
import { MessageRow } from "./message.js";

/** How near the end counts as the end, in pixels. */
const nearEnd = 80;

/** The messages of a room. It stays at the end while the reader is there, and keeps its place otherwise. */
export function MessageLog({ rooms, room }: { rooms: Rooms; room: OpenRoom }) {
  const box = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const away = useSignal(false); // the reader is not at the end
  const loading = useSignal(false);
  const messages = room.messages.value;
  const status = room.status.value;
  const { known } = room.unread.value;
  const divider = useDivider(room, messages, rooms.me.id);

  const markRead = () => {
    const seen = atEnd.current && known && document.visibilityState === "visible";
    if (seen) room.room.markRead().catch(() => undefined);
  };

  // What is put above the reader's place must not move it: the second row says by how much the others move. The first
  // one may lose its name when a message of the same author comes before it.
  const rows = atEnd.current ? undefined : box.current?.querySelectorAll<HTMLElement>("[data-id]");
  const anchor = rows?.[1] ?? rows?.[0];
  const anchorTop = anchor?.getBoundingClientRect().top ?? 0;
  useLayoutEffect(() => {
    const view = box.current;
    if (view === null) return;
    if (atEnd.current) view.scrollTop = view.scrollHeight;
    else if (anchor?.isConnected) view.scrollTop += anchor.getBoundingClientRect().top - anchorTop;
    settle(view);
  }, [messages]);
  useEffect(markRead, [messages, status.phase, known]);
  useEffect(() => {
    document.addEventListener("visibilitychange", markRead);
    return () => document.removeEventListener("visibilitychange", markRead);
  }, [known]);

  const older = async () => {
    const view = box.current;
    if (view === null || loading.value) return;
    loading.value = true;
    try {
      await room.room.older();
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
          <p class="soft start">{startWords(status, messages.length)}</p>
        )}
        {blocks(entries(messages, divider, rooms.me.id)).map(({ key, list }) => (
          <div key={key} class="block">
            {list.map((entry) => (
              <Shown key={keyOf(entry)} entry={entry} rooms={rooms} room={room} />
            ))}
          </div>
        ))}
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

/**
 * Tells the browser the height of blocks that have grown, so that it can pass over those that are out of sight: thousands
 * of messages scroll as a few do, and nothing moves.
 */
function settle(view: HTMLElement): void {
  const blocks = [...view.querySelectorAll<HTMLElement>(".block")];
  const grown = blocks.filter((block) => block.dataset.settled !== String(block.childElementCount));
  for (const block of grown) delete block.dataset.settled;
  const heights = grown.map((block) => block.getBoundingClientRect().height);
  for (const [i, block] of grown.entries()) {
    block.style.setProperty("contain-intrinsic-block-size", `auto ${heights[i]}px`);
    block.dataset.settled = String(block.childElementCount);
  }
}

function startWords({ phase }: RoomStatus, messages: number): string {
  if (messages > 0) return text.messages.start;
  return phase === "joining" ? text.rooms.joining : text.messages.empty;
}

function Shown({ entry, rooms, room }: { entry: Entry; rooms: Rooms; room: OpenRoom }) {
  if (entry.kind === "day") return <h2 class="day">{entry.label}</h2>;
  if (entry.kind === "divider") return <p class="divider">{text.messages.fresh}</p>;
  return <MessageRow {...entry} rooms={rooms} room={room} />;
}

/**
 * The last message that the reader had read: the line before the new ones stands behind it. It stands still while the
 * room is shown, and goes when the reader writes. Null for no line.
 */
function useDivider(room: OpenRoom, messages: LocalMessage<Said>[], me: string): number | null {
  const place = useRef<number | null | undefined>(undefined);
  const { read, unread, known } = room.unread.value;
  const last = messages.at(-1);
  if (place.current === undefined && known) place.current = unread > 0 && read > 0 ? read : null;
  if (document.visibilityState === "hidden" && place.current === null && read > 0) place.current = read;
  if (last?.from?.id === me) place.current = null;
  return place.current ?? null;
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
