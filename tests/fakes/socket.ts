import { EventEmitter } from "node:events";
import type { Socket } from "node:net";

/** A connection without a network, from an address. */
export function aSocket(remoteAddress: string): Socket {
  const socket = Object.assign(new EventEmitter(), {
    ...{ remoteAddress, localAddress: "192.168.0.1", localPort: 3100, destroyed: false },
    destroy() {
      socket.destroyed = true;
      socket.emit("close");
    },
  });
  return socket as unknown as Socket;
}
