import type { NodeUpdate, PodAnswer } from "../../../src/domain/node-pod.ts";
import { type ApiLog, itemAt } from "./api-log.ts";
import { type Candidate, type Verdict, verdictOf } from "./verdict.ts";

/** What an agent has been told of one pod: up to which versions, and whether it was gone then. */
interface Known {
  readonly version: number;
  readonly namespaceVersion: number;
  readonly end?: "removed" | "missing";
}

/**
 * The newest that an agent has been told, whoever told it and in whatever order: only versions are remembered, what they
 * stand for is looked up in the API server's log.
 */
export interface News {
  hear(update: NodeUpdate): void;
  hearAnswer(answer: PodAnswer): void;
  /** Whose an address is by that, and what it may have. */
  verdict(address: string): Verdict;
}

export function createNews(log: ApiLog): News {
  const known = new Map<string, Known>();
  let told = new Set<string>();
  let heardUpTo = 0;

  function hearPod({ uid, versions }: PodAnswer["pod"]): void {
    const before = known.get(uid);
    const version = Number(versions.pod);
    const isBack = before?.end === "missing" ? heardUpTo >= before.version : version > (before?.version ?? 0);
    if (before?.end !== undefined && !isBack) {
      return;
    }
    const isNewer = version >= (before?.version ?? 0) || before?.end !== undefined;
    known.set(uid, {
      version: isNewer ? version : (before?.version ?? 0),
      namespaceVersion: Math.max(Number(versions.namespace), before?.namespaceVersion ?? 0),
    });
  }

  function end(uid: string, version: number, how: "removed" | "missing"): void {
    const before = known.get(uid);
    if (before === undefined || (before.end === undefined && before.version <= version)) {
      known.set(uid, { version, namespaceVersion: before?.namespaceVersion ?? 0, end: how });
    }
  }

  /** A stream that has heard of newer pods, and has not told of one, knows that it is gone. */
  function sweep(): void {
    for (const [uid, { version, end: over }] of known) {
      if (over === undefined && !told.has(uid) && version <= heardUpTo) {
        end(uid, heardUpTo, "missing");
      }
    }
  }

  function candidates(): readonly Candidate[] {
    return [...known].flatMap(([uid, { version, namespaceVersion, end: over }]) => {
      const pod = over === undefined ? itemAt(log.pods, uid, version) : undefined;
      const namespace = pod === undefined ? undefined : itemAt(log.namespaces, pod.namespace, namespaceVersion);
      return pod === undefined ? [] : [{ pod, permitted: namespace?.permitted ?? "" }];
    });
  }

  return {
    hear(update) {
      heardUpTo = Number(update.podsVersion);
      if (update.kind === "heartbeat") {
        return sweep();
      }
      told = update.kind === "snapshot" ? new Set() : told;
      for (const pod of update.pods) {
        told.add(pod.uid);
        hearPod(pod);
      }
      for (const { uid, version } of update.kind === "changes" ? update.removed : []) {
        told.delete(uid);
        end(uid, Number(version), "removed");
      }
      sweep();
    },
    hearAnswer({ pod }) {
      if (told.has(pod.uid) || Number(pod.versions.pod) > heardUpTo) {
        hearPod(pod);
      }
    },
    verdict: (address) => verdictOf(address, candidates()),
  };
}
