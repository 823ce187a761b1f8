// The endpoints of a development cluster.

export interface NodeState {
  url: string;
  /** The same node behind a slow line. */
  slow: string;
  running: boolean;
  connections: number;
}

export interface ClusterState {
  nodes: NodeState[];
  /** The node of this tab; -1 for none. */
  here: number;
  redis: { url: string; embedded: boolean; up: boolean };
}

/** The way of a message, with times in milliseconds since 1970. */
export interface WayOfMessage {
  taken: number;
  node: number;
  accepted: number;
  delivered: Record<number, number>;
}

async function call<T>(path: string, body?: object): Promise<T> {
  const response = await fetch(
    `_dev/${path}`,
    body === undefined
      ? {}
      : { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) },
  );
  if (!response.ok) throw new Error(await response.text());
  return (await response.json()) as T;
}

export const dev = {
  state: (sid: string) => call<ClusterState>(`state?sid=${encodeURIComponent(sid)}`),
  way: (id: string) => call<WayOfMessage>(`way?id=${encodeURIComponent(id)}`),
  token: (claims: object, ttl = 0) => call<{ token: string }>("token", { claims, ttl }).then(({ token }) => token),
  revoke: (sub: string) => call("revoke", { sub }),
  kill: (node: number) => call(`nodes/${node}/kill`, {}),
  start: (node: number) => call(`nodes/${node}/start`, {}),
  redisOutage: () => call("redis/outage", {}),
};
