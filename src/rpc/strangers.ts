/** What is needed of a connection. */
export interface Stranger {
  readonly remoteAddress?: string | undefined;
  once(event: "close", listener: () => void): unknown;
  destroy(): unknown;
}

/** Connections whose TLS handshake is not over: whoever reaches the port may open them, and each costs memory. */
export interface Strangers {
  /** Takes a new connection in. Where its address has too many the oldest goes, so that who does mean it gets through. */
  admit(socket: Stranger): void;
  /** The handshake is over. */
  greet(socket: Stranger): void;
}

/** Of one address: 3 MB. An agent has one, but many machines may come by one address that hides them. */
const mostStrangers = 256;

export function createStrangers(): Strangers {
  /** The oldest first. */
  const byAddress = new Map<string, Set<Stranger>>();

  function leave(socket: Stranger, address: string): void {
    const strangers = byAddress.get(address);
    strangers?.delete(socket);
    if (strangers?.size === 0) {
      byAddress.delete(address);
    }
  }

  return {
    admit(socket) {
      const address = socket.remoteAddress ?? "";
      const strangers = byAddress.get(address) ?? new Set();
      byAddress.set(address, strangers.add(socket));
      socket.once("close", () => leave(socket, address));
      const [oldest] = strangers;
      if (strangers.size > mostStrangers && oldest !== undefined) {
        leave(oldest, address);
        oldest.destroy();
      }
    },
    greet: (socket) => leave(socket, socket.remoteAddress ?? ""),
  };
}
