import { useSignal } from "@preact/signals";
import { request, type RoomPage } from "chorus-kit";
import { useEffect } from "preact/hooks";
import type { Rooms } from "../model/rooms.js";
import { words } from "../model/refusal.js";
import { text } from "../text.js";

/** A search begins when the user has not typed for this long, in milliseconds. */
const pause = 250;

/** The rooms with somebody in them that the user may enter. They are asked for when the list is opened. */
export function Browse({ rooms, onShow }: { rooms: Rooms; onShow: (name: string) => void }) {
  const open = useSignal(false);
  return (
    <details class="browse" onToggle={(event) => (open.value = event.currentTarget.open)}>
      <summary>{text.rooms.browse}</summary>
      {open.value && <Search rooms={rooms} onShow={onShow} />}
    </details>
  );
}

function Search({ rooms, onShow }: { rooms: Rooms; onShow: (name: string) => void }) {
  const prefix = useSignal("");
  const page = useSignal<RoomPage | null>(null);
  const problem = useSignal("");

  const ask = async (cursor?: string) => {
    const options = { prefix: prefix.value, ...(cursor === undefined ? {} : { cursor }) };
    try {
      const more = await request(rooms.socket, "rooms", options);
      if (options.prefix !== prefix.value) return; // the user has typed on
      const before = cursor === undefined ? [] : (page.value?.rooms ?? []);
      page.value = { ...more, rooms: [...before, ...more.rooms] };
      problem.value = "";
    } catch (error) {
      problem.value = words(error);
    }
  };
  useEffect(() => {
    const timer = setTimeout(() => void ask(), page.value === null ? 0 : pause);
    return () => clearTimeout(timer);
  }, [prefix.value]);

  const next = page.value?.next;
  return (
    <>
      <input
        type="search"
        aria-label={text.rooms.search}
        placeholder={text.rooms.search}
        maxLength={255}
        value={prefix.value}
        onInput={(event) => (prefix.value = event.currentTarget.value)}
      />
      {problem.value !== "" && (
        <p class="bad" role="alert">
          {problem.value}
        </p>
      )}
      {page.value?.rooms.length === 0 && <p class="soft">{text.rooms.noneListed}</p>}
      <ul aria-label={text.rooms.browse}>
        {page.value?.rooms.map(({ room, count }) => (
          <li key={room} class="room">
            <button type="button" class="quiet" onClick={() => onShow(room)}>
              <bdi>{room}</bdi>
              <span class="soft">{text.members.count(count)}</span>
            </button>
          </li>
        ))}
      </ul>
      {next !== undefined && (
        <button type="button" onClick={() => void ask(next)}>
          {text.rooms.more}
        </button>
      )}
    </>
  );
}
