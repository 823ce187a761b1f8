import type { PageConfig } from "../chat/model/page.js";
import type { Rooms } from "../chat/model/rooms.js";

/** The development console. */
export default function Console(_props: { rooms: Rooms; page: PageConfig }) {
  return null;
}
