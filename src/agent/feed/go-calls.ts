import { Code, ConnectError, createClient, type Transport } from "@connectrpc/connect";
import { firstLine } from "../../domain/first-line.ts";
import { KiamService } from "../../rpc/gen/kiam/kiam_pb.ts";
import { fromGoCredentials } from "../../rpc/go-credentials.ts";
import type { GoCalls, Lost } from "./replica.ts";
import { isConnectionLost } from "./rpc-failure.ts";

export interface GoCallOptions {
  readonly transport: Transport;
  /** What proves the node: a server of ours may stand at the address by now. */
  readonly readHeaders: () => Promise<Readonly<Record<string, string>>>;
  /** What a failed call says of the server, as a sentence. */
  readonly reasonOf: (error: unknown) => string;
}

/** The Go release's service, which knows errors by their text. */
export function createGoCalls({ transport, readHeaders, reasonOf }: GoCallOptions): GoCalls {
  const client = createClient(KiamService, transport);

  function refusalOf(error: unknown) {
    const reason = firstLine(reasonOf(error)); // A Go server passes on what STS says.
    return isConnectionLost(error) ? ({ kind: "lost", reason } satisfies Lost) : (refusals(error) ?? failed(reason));
  }

  return {
    async role(ip, signal) {
      try {
        const { name } = await client.getPodRole({ ip }, { signal, headers: await readHeaders() });
        return { kind: "role", name };
      } catch (error) {
        signal.throwIfAborted();
        return refusalOf(error);
      }
    },
    async credentials({ address, role }, signal) {
      try {
        const answer = await client.getPodCredentials({ ip: address, role }, { signal, headers: await readHeaders() });
        return { kind: "credentials", credentials: fromGoCredentials(answer) };
      } catch (error) {
        signal.throwIfAborted();
        return isText(error, "forbidden by policy") ? { kind: "forbidden" } : refusalOf(error);
      }
    },
  };
}

/** The Go release's service says the first of an address whose role is asked for, and the second where it is credentials. */
const nobodyTexts = ["pod not found", "no pod found"];

function refusals(error: unknown): { readonly kind: "nobody" } | { readonly kind: "doubt" } | undefined {
  if (nobodyTexts.some((text) => isText(error, text))) {
    return { kind: "nobody" };
  }
  return isText(error, "multiple running pods found") ? { kind: "doubt" } : undefined;
}

function isText(error: unknown, text: string): boolean {
  const { code, rawMessage } = ConnectError.from(error);
  return code === Code.Unknown && rawMessage === text;
}

function failed(reason: string) {
  return { kind: "failed", reason } as const;
}
