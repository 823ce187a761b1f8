import "./rooms.css";
import type { OpenRoom, Rooms } from "../model/rooms.js";
import { text } from "../text.js";
import { Browse } from "./browse.js";

/** The rooms and direct messages of the user, and a field to enter another room. */
export function RoomList({ rooms, onShow }: { rooms: Rooms; onShow: () => void }) {
  const show = (name: string) => {
    rooms.show(name);
    onShow();
  };
  const submit = (event: SubmitEvent) => {
    event.preventDefault();
    const form = event.currentTarget as HTMLFormElement;
    const name = String(new FormData(form).get("room") ?? "").trim();
    if (name === "") return;
    form.reset();
    show(name);
  };
  const open = rooms.open.value;
  const direct = open.filter(({ name }) => name.startsWith("@"));
  return (
    <nav class="side rooms" aria-label={text.rooms.conversations}>
      <form class="enter" onSubmit={submit}>
        <label>
          {text.rooms.room}
          <input name="room" maxLength={255} autocomplete="off" />
        </label>
        <button type="submit">{text.rooms.join}</button>
      </form>
      <Browse rooms={rooms} onShow={show} />
      <Section title={text.rooms.mine} open={open.filter((room) => !direct.includes(room))} rooms={rooms} onShow={show} />
      {direct.length > 0 && <Section title={text.rooms.direct} open={direct} rooms={rooms} onShow={show} />}
    </nav>
  );
}

function Section(props: { title: string; open: OpenRoom[]; rooms: Rooms; onShow: (name: string) => void }) {
  return (
    <section>
      <h2>{props.title}</h2>
      <ul>
        {props.open.map((room) => (
          <Entry key={room.name} room={room} rooms={props.rooms} onShow={props.onShow} />
        ))}
      </ul>
    </section>
  );
}

function Entry({ room, rooms, onShow }: { room: OpenRoom; rooms: Rooms; onShow: (name: string) => void }) {
  const { unread, mentions } = room.unread.value;
  const current = rooms.currentName.value === room.name;
  return (
    <li class="room">
      <button
        type="button"
        class="quiet"
        aria-current={current ? "page" : undefined}
        onClick={() => onShow(room.name)}
      >
        <bdi>{room.name}</bdi>
        {mentions > 0 && (
          <span class="badge mention" title={text.rooms.mentions(mentions)}>
            @{mentions}
          </span>
        )}
        {unread > 0 && (
          <span class="badge" title={text.rooms.unread(unread)}>
            {unread > 99 ? "99+" : unread}
            <span class="hidden-label"> {text.rooms.unread(unread)}</span>
          </span>
        )}
      </button>
      <button type="button" class="quiet leave" aria-label={text.rooms.leave(room.name)} onClick={() => rooms.leave(room.name)}>
        ×
      </button>
    </li>
  );
}
