import { metadataUrl } from "./metadata.ts";
import type { LabPod } from "./pod.ts";
import { tools } from "./tools.ts";

/** One read of a pod. */
export interface Read {
  /** When it began, ms since the Unix epoch. */
  readonly startedMs: number;
  readonly tookMs: number;
  /** Absent where there was no answer. */
  readonly status?: number;
  /** The access key, where the answer had one. */
  readonly key?: string;
  /** The beginning of an answer without a key. */
  readonly body?: string;
  /** Why there was no answer. */
  readonly error?: string;
}

/** A pod that reads its credentials all the time. */
export interface Reader {
  /** The reads that are over. Those of the last moment may be missing while it goes on. */
  reads(): readonly Read[];
  /** Ends it once what it has begun is over, and gives every read in the order in which they ended. */
  stop(): Promise<readonly Read[]>;
}

/** @param target a path on the metadata service, as of a role's credentials, or a whole URL */
export function startReader(pod: LabPod, target: string, perSecond: number): Reader {
  const url = target.startsWith("/") ? metadataUrl(pod.address, target) : target;
  return readerOf(pod, "read.mjs", [url, String(perSecond)]);
}

/** The same from the beginning each time, as boto3 does: a token, the role's name, the credentials. */
export function startSdkReader(pod: LabPod, perSecond: number): Reader {
  return readerOf(pod, "read-as-sdk.mjs", [String(perSecond)]);
}

function readerOf(pod: LabPod, name: string, words: readonly string[]): Reader {
  const program = new URL(`../pods/${name}`, import.meta.url).pathname;
  const reading = pod.start(`reader in ${pod.name}`, [tools.bun(), program, ...words]);
  const reads = (): readonly Read[] =>
    reading
      .output()
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line));

  return {
    reads,
    async stop() {
      await reading.stop();
      return reads();
    },
  };
}

/** Those that got no credentials. */
export function failed(reads: readonly Read[]): readonly Read[] {
  return reads.filter(({ key }) => key === undefined);
}
