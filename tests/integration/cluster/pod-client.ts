import { Agent, request } from "node:http";
import { connect, type Socket } from "node:net";
import { text } from "node:stream/consumers";

export interface PodAnswer {
  readonly status: number;
  readonly body: string;
  /** Of a document of credentials. */
  readonly accessKeyId: string | undefined;
  /** Of a refusal. */
  readonly message: string | undefined;
}

/** A pod's program: what it sends comes from the pod's address. */
export interface PodClient {
  get(path: string): Promise<PodAnswer>;
  roleName(): Promise<PodAnswer>;
  credentials(role: string, signal?: AbortSignal): Promise<PodAnswer>;
}

const base = "/latest/meta-data/iam/security-credentials/";

/** @param address an address of the loopback @param listener the agent's metadata listener */
export function podAt(address: string, listener: { readonly port: number }): PodClient {
  // A connection for each request: what becomes of one that is kept is the business of `keptConnection`.
  const agent = new Agent({ keepAlive: false });

  async function get(path: string, signal?: AbortSignal): Promise<PodAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<PodAnswer>();
    const asked = request(
      {
        ...{ host: "127.0.0.1", port: listener.port, localAddress: address, path, agent },
        headers: { host: "169.254.169.254" },
        ...(signal === undefined ? {} : { signal }),
      },
      (response) => text(response).then((body) => resolve(answerOf(response.statusCode ?? 0, body)), reject),
    );
    asked.once("error", reject);
    asked.end();
    return promise;
  }

  return {
    get,
    roleName: () => get(base),
    credentials: (role, signal) => get(`${base}${role}`, signal),
  };
}

function answerOf(status: number, body: string): PodAnswer {
  const document = body.startsWith("{") ? JSON.parse(body) : {};
  return { status, body, accessKeyId: document.AccessKeyId, message: document.Message };
}

/** For `waitFor`: the first answer with that status. */
export function statusIs(status: number, ask: () => Promise<PodAnswer>): () => Promise<PodAnswer | undefined> {
  return async () => {
    const answer = await ask();
    return answer.status === status ? answer : undefined;
  };
}

/** For `waitFor`: the first answer with credentials in it. */
export function credentialsOf(ask: () => Promise<PodAnswer>): () => Promise<PodAnswer | undefined> {
  return statusIs(200, ask);
}

/** One connection that a pod's program keeps. */
export interface KeptConnection extends Disposable {
  credentials(role: string): Promise<PodAnswer>;
  /** Resolves when the agent has closed it. */
  readonly closed: Promise<void>;
}

export async function keptConnection(address: string, listener: { readonly port: number }): Promise<KeptConnection> {
  const socket = connect({ host: "127.0.0.1", port: listener.port, localAddress: address });
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  socket.on("error", () => undefined);
  await new Promise<void>((resolve) => socket.once("connect", resolve));
  return {
    async credentials(role) {
      const answer = nextAnswer(socket, closed);
      socket.write(`GET ${base}${role} HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n`);
      return answer;
    },
    closed,
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

/** Rejects where the connection is closed instead. */
async function nextAnswer(socket: Socket, closed: Promise<void>): Promise<PodAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<PodAnswer>();
  let received = "";
  const read = (chunk: Buffer) => {
    received += chunk.toString();
    const [, status, length, body = ""] =
      /^HTTP\/1\.1 (\d+).*?content-length: (\d+).*?\r\n\r\n(.*)$/is.exec(received) ?? [];
    if (body.length > 0 && body.length === Number(length)) {
      resolve(answerOf(Number(status), body));
    }
  };
  socket.on("data", read);
  void closed.then(() => reject(new Error("the connection was closed")));
  return promise.finally(() => socket.off("data", read));
}
