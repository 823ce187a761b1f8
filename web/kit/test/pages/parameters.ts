// What a test puts behind the # of the address.

import type { User } from "chorus-kit";

const given = new URLSearchParams(location.hash.slice(1));
const get = (name: string) => given.get(name) ?? "";

export const url = get("url");
export const token = get("token");
export const user: User = { id: get("user"), name: get("name") };
