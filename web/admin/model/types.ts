// Answers of the API, as far as this page reads them.

export interface NodeInfo {
  id: string;
  version: string;
  address: string;
  connections: number;
  started: string;
  ready: boolean;
  draining: boolean;
}

/** Figures of a node at one time. Numbers that end in "total" only grow. */
export interface Sample {
  at: number;
  connections: number;
  rooms: number;
  memory: number;
  inTotal: number;
  outTotal: number;
  publishedTotal: number;
  probeMs: number | null;
  lagMs: number;
  refusedTotal: Record<string, number>;
}

export interface Samples {
  intervalMs: number;
  nodes: { node: string; samples: Sample[] }[];
}

export interface RoomList {
  rooms: { room: string; count: number; sockets: number }[];
  next?: string;
  missing?: string[];
}

export interface MemberList {
  count: number;
  users: { id: string; name?: string; since: number; devices: number }[];
  next?: string;
}

export interface Connection {
  id: string;
  node: string;
  since: number;
  transport: string;
  address?: string;
  userAgent?: string;
  rooms: string[];
  name?: string;
  /** Messages of the client and to it, so far. */
  received: number;
  sent: number;
}

/** Up to where a user has read in a room. */
export interface Marker {
  room: string;
  read: number;
  last: number;
  unread: number;
  mentions: number;
}

export interface Permission {
  action: string;
  name: string;
  allowed: boolean;
  rule: string;
}

export interface Setting {
  key: string;
  value: unknown;
  default: unknown;
}
