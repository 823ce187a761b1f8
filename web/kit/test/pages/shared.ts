// A page with one connection for all of its tabs.

import { room } from "chorus-kit";
import { connectShared } from "chorus-kit/shared";
import { token, url, user } from "./parameters.js";

let fetched = 0;
const fetchToken = async () => {
  fetched++;
  return token;
};
const connection = connectShared({ url, user, fetchToken, client: { transports: ["websocket"], reconnectionDelay: 50 } });
const rooms = ["lobby", "@bob"].map((name) => room<string>(connection.socket, name, { me: user, presence: name === "lobby" }));
Object.assign(window, {
  connection,
  rooms,
  state: () => ({
    shared: connection.shared,
    fetched,
    id: connection.socket.id,
    phase: connection.token.get().phase,
    rooms: Object.fromEntries(
      rooms.map((one) => [
        one.name,
        {
          phase: one.status.get().phase,
          messages: one.messages.get().map(({ value, delivery }) => `${value} ${delivery}`),
          unread: one.unread.get().unread,
          count: one.count.get(),
        },
      ]),
    ),
  }),
});
