import type { RpcServer } from "../../src/rpc/listen.ts";
import type { PeerCertificate } from "../../src/rpc/peer.ts";
import type { TlsIdentity } from "../../src/rpc/tls-options.ts";

/** A server without a socket: keeps what it is told. */
export interface FakeRpcServer extends RpcServer {
  /** What new connections get. */
  readonly tls: TlsIdentity | undefined;
  /** By which rule connections were closed, once for each time. */
  readonly closings: readonly ((peer: PeerCertificate) => boolean)[];
  readonly closedWithGraceMs: number | undefined;
  /** What `parts.listen` does. */
  listen(tls: TlsIdentity): Promise<RpcServer>;
}

export function createFakeRpcServer(): FakeRpcServer {
  const closings: ((peer: PeerCertificate) => boolean)[] = [];
  let tls: TlsIdentity | undefined;
  let closedWithGraceMs: number | undefined;
  const server: FakeRpcServer = {
    port: 9610,
    get tls() {
      return tls;
    },
    closings,
    get closedWithGraceMs() {
      return closedWithGraceMs;
    },
    async listen(first) {
      tls = first;
      return server;
    },
    replaceTls(next) {
      tls = next;
    },
    closeConnections: (isRefused) => void closings.push(isRefused),
    async close(graceMs) {
      closedWithGraceMs = graceMs;
    },
  };
  return server;
}
