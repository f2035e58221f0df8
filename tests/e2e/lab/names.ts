import type { Netns } from "./netns.ts";

/** What /etc/hosts says in the lab's namespaces: the lab's DNS. */
export interface Names {
  /** From now on `netns` sees every name, those added later too. Dispose before it is removed. */
  serve(netns: Netns): Promise<Disposable>;
  /** A name may have several addresses. Disposing takes this one away. */
  add(name: string, address: string): Promise<AsyncDisposable>;
}

export function createNames(): Names {
  const served = new Set<Netns>();
  const lines = new Set<string>();
  const write = async () => {
    await Promise.all([...served].map((netns) => netns.setHosts([...lines])));
  };
  return {
    async serve(netns) {
      served.add(netns);
      await write();
      return { [Symbol.dispose]: () => served.delete(netns) };
    },
    async add(name, address) {
      const line = `${address} ${name}`;
      lines.add(line);
      await write();
      return {
        async [Symbol.asyncDispose]() {
          lines.delete(line);
          await write();
        },
      };
    },
  };
}
