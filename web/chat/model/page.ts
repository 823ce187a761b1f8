// What the node says about itself to its pages.

export interface PageConfig {
  /** A cluster for development: it makes tokens, and has a console. */
  dev: boolean;
  /** The path of Socket.IO. */
  path: string;
  version: string;
  /** Origins of pages that may embed this one. */
  embedders: string[];
}

export async function loadPage(): Promise<PageConfig> {
  const response = await fetch("chorus.json");
  if (!response.ok) throw new Error(`chorus.json: ${response.status}`);
  return (await response.json()) as PageConfig;
}
