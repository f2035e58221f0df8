import type { Netns } from "./netns.ts";
import type { Identity } from "./pki.ts";
import { tools } from "./tools.ts";

export interface Question {
  /** Of the server. */
  readonly address: string;
  readonly identity: Identity;
  /** The `authorization` header as it is; none where absent. */
  readonly authorization?: string;
  /** The node that is claimed; none where absent. */
  readonly nodeName?: string;
  readonly podAddress: string;
  readonly role: string;
}

/** What each call answered, or `<code>: <message>`. */
export interface Answers {
  /** The names of the snapshot's pods. */
  readonly watchNode: readonly string[] | string;
  readonly lookupPod: string;
  readonly getPodRole: string;
  readonly getPodCredentials: string;
}

/** Asks a server by both services, over the wire and from a namespace of the lab, as whoever holds a proof could. */
export async function askServer(
  netns: Netns,
  { identity, authorization, nodeName = "", ...question }: Question,
): Promise<Answers> {
  const program = new URL("../pods/ask-server.ts", import.meta.url).pathname;
  const stdin = JSON.stringify({ ...question, ...identity, nodeName, authorization });
  return JSON.parse(await netns.must([tools.bun(), program], { stdin }));
}
