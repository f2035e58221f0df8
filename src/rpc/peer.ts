import type { Http2ServerRequest, ServerHttp2Session } from "node:http2";
import type { TLSSocket } from "node:tls";
import { type ContextKey, type ContextValues, createContextKey, createContextValues } from "@connectrpc/connect";
import type { connectNodeAdapter } from "@connectrpc/connect-node";

type NodeServerRequest = Parameters<ReturnType<typeof connectNodeAdapter>>[0];

/** What TLS verified of the other side. */
export interface PeerCertificate {
  /** Lists the alternative names, those with odd characters quoted: `DNS:a.node.kiam, URI:"…"`. */
  readonly subjectaltname?: string;
  readonly fingerprint256?: string;
  /** DER. */
  readonly raw?: Uint8Array;
}

/** Who called: the same object for every call over one connection. */
export interface Peer {
  /** `DNS:…`, `URI:…`, `IP Address:…`, one each. */
  readonly alternativeNames: readonly string[];
  readonly remoteAddress: string;
}

/** Where a handler finds who calls it. */
export const peerKey: ContextKey<Peer> = createContextKey<Peer>(
  { alternativeNames: [], remoteAddress: "" },
  { description: "the caller's certificate" },
);

/** Reading a certificate costs 30 µs and more, so each connection's is read once. */
export function peerContext(request: NodeServerRequest): ContextValues {
  return createContextValues().set(peerKey, peerOf(request));
}

const cacheKey = Symbol("peer");

type SessionWithPeer = ServerHttp2Session & { [cacheKey]?: Peer };

function peerOf(request: NodeServerRequest): Peer {
  const session = (request as Http2ServerRequest).stream.session as SessionWithPeer | undefined;
  if (session === undefined) {
    return { alternativeNames: [], remoteAddress: "" };
  }
  session[cacheKey] ??= readPeer(session.socket as TLSSocket);
  return session[cacheKey];
}

function readPeer(socket: TLSSocket): Peer {
  const { subjectaltname } = socket.getPeerCertificate() as PeerCertificate;
  return {
    // Commas inside a name come quoted, so what is between commas is one name or, quoted, none that anyone accepts.
    alternativeNames: subjectaltname?.split(", ") ?? [],
    remoteAddress: socket.remoteAddress ?? "",
  };
}
