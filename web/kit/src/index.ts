export { newId } from "./id.js";
export { type Delivery, type LocalMessage, Messages } from "./messages.js";
export { RequestError, request, requestTimeout } from "./request.js";
export { Room, type RoomOptions, type RoomStatus, type RoomUnread, room } from "./room.js";
export { type State, Writable } from "./state.js";
export { SignedOut, type TokenState, withToken } from "./token.js";
export type * from "./types.js";
