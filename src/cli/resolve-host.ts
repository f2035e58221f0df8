import { lookup } from "node:dns/promises";

/** Every address of a host's name, as the system resolves it; an address is its own. Rejects where it has none. */
export async function resolveHost(host: string): Promise<readonly string[]> {
  return (await lookup(host, { all: true })).map(({ address }) => address);
}
