import { createServer, request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import { createServer as createTlsServer } from "node:https";
import { type AddressInfo, connect, type Socket } from "node:net";

/** A request as a proxy gets it: `CONNECT host:port`, or a method and a whole URL. */
export interface ProxyRequest {
  readonly method: string;
  readonly target: string;
  /** The `Proxy-Authorization` header; empty where there is none. */
  readonly authorization: string;
}

/** What becomes of a request. */
export type ProxyAnswer =
  | { readonly kind: "to"; readonly host: string; readonly port: number }
  | { readonly kind: "refuse"; readonly status: number }
  /** No answer ever. */
  | { readonly kind: "silence" }
  | { readonly kind: "hang-up" };

export interface FakeProxy extends AsyncDisposable {
  readonly port: number;
  /** Everything that it was asked, in order. */
  readonly requests: readonly ProxyRequest[];
}

export interface FakeProxyOptions {
  readonly host?: string;
  readonly port?: number;
  /** Where present the proxy itself speaks TLS. */
  readonly tls?: { readonly cert: string; readonly key: string };
  readonly onRequest?: (request: ProxyRequest) => void;
}

/** A forward proxy that opens tunnels and forwards requests to wherever the test says. Listens on a free port of the loopback unless told. */
export async function startFakeProxy(
  answer: (request: ProxyRequest) => ProxyAnswer,
  { host = "127.0.0.1", port = 0, tls, onRequest }: FakeProxyOptions = {},
): Promise<FakeProxy> {
  const requests: ProxyRequest[] = [];
  const sockets = new Set<Socket>();

  function note({ method = "", url = "", headers }: IncomingMessage): ProxyAnswer {
    const request = { method, target: url, authorization: headers["proxy-authorization"] ?? "" };
    requests.push(request);
    onRequest?.(request);
    return answer(request);
  }

  const forward: RequestListener = (incoming, outgoing) => {
    const to = note(incoming);
    if (to.kind === "refuse") {
      outgoing.writeHead(to.status).end();
      return;
    }
    if (to.kind === "hang-up") {
      incoming.socket.destroy();
      return;
    }
    if (to.kind === "to") {
      const { pathname, search, host: authority } = new URL(incoming.url ?? "");
      const { "proxy-authorization": _, "proxy-connection": __, ...headers } = incoming.headers;
      const onward = httpRequest({
        ...{ host: to.host, port: to.port, path: pathname + search, method: incoming.method },
        headers: { ...headers, host: authority },
      });
      onward.on("response", (response) => {
        outgoing.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(outgoing);
      });
      onward.on("error", () => outgoing.destroy());
      incoming.pipe(onward);
    }
  };

  const server = tls === undefined ? createServer(forward) : createTlsServer(tls, forward);
  server.on("connect", (incoming: IncomingMessage, near: Socket, head: Buffer) => {
    near.on("error", () => {});
    sockets.add(near);
    const to = note(incoming);
    if (to.kind === "refuse") {
      near.end(`HTTP/1.1 ${to.status} Refused\r\nContent-Length: 0\r\n\r\n`);
    } else if (to.kind === "hang-up") {
      near.destroy();
    } else if (to.kind === "to") {
      sockets.add(tunnel(near, head, to));
    }
  });
  await new Promise<void>((resolve) => server.listen(port, host, resolve));
  return {
    port: (server.address() as AddressInfo).port,
    requests,
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) {
        socket.destroy();
      }
      server.closeAllConnections();
      server.close();
    },
  };
}

function tunnel(near: Socket, head: Buffer, to: { readonly host: string; readonly port: number }): Socket {
  const far = connect({ host: to.host, port: to.port }, () => {
    near.write("HTTP/1.1 200 Connection established\r\n\r\n");
    far.write(head);
    far.pipe(near);
    near.pipe(far);
  });
  far.on("error", () => near.destroy());
  far.on("close", () => near.destroy());
  near.on("close", () => far.destroy());
  return far;
}
