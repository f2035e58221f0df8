import { isDeepStrictEqual } from "node:util";
import type { Decision } from "../../domain/decision.ts";
import type { NodeUpdate } from "../../domain/node-pod.ts";
import type { Pod } from "../../domain/pod.ts";
import { type IdentityKey, identityKey } from "../../domain/role-identity.ts";
import type { Clock } from "../../runtime/clock.ts";
import type { Logger } from "../../runtime/logger.ts";
import type { PodEvents } from "../events/pod-events.ts";
import { credentialErrorText } from "../events/text.ts";
import type { Issuance } from "../issuance/issuance.ts";
import type { ServerMetrics } from "../metrics.ts";
import type { Decide } from "../policy/policy.ts";
import type { NamespaceStore } from "../workload/namespaces.ts";
import type { PodChange, PodStore } from "../workload/pods.ts";
import { createDenialLog } from "./denial-log.ts";
import { createMailbox } from "./mailbox.ts";
import { createNodeFeed, type NodeFeed } from "./node-feed.ts";
import { type Concerned, createReconsideration } from "./reconsider.ts";

export interface HubDeps {
  readonly pods: Pick<PodStore, "get" | "onNode" | "inNamespace" | "version" | "versionOf" | "changes" | "lists">;
  readonly namespaces: Pick<NamespaceStore, "permitted" | "versionOf" | "changes">;
  readonly decide: Decide;
  readonly issuance: Pick<Issuance, "peek" | "want" | "forgetRefusal" | "changes">;
  readonly clock: Clock;
  readonly logger: Logger;
  readonly metrics: Pick<ServerMetrics, "nodeStreams" | "feedMessages" | "denials">;
  readonly events: Pick<PodEvents, "happened" | "stands">;
  /** A stream that has nothing to say for so long says that: 1000 to 60000. */
  readonly heartbeatIntervalMs: number;
}

/** Tells the agents what their nodes' pods may have. Dispose it to stop listening to the stores. */
export interface Hub extends Disposable {
  /**
   * A snapshot of the node, then what changes, until the signal is aborted; then it ends. What it holds is let go with the
   * abort, also where its reader never comes back.
   */
  watch(nodeName: string, signal: AbortSignal): AsyncIterable<NodeUpdate>;
  /** Asks policy again about everything that is watched, in case that it learned something of its own. */
  decideAgain(): void;
}

export function createHub(deps: HubDeps): Hub {
  const { pods, namespaces, issuance, clock, heartbeatIntervalMs } = deps;
  const feeds = new Map<string, NodeFeed>();
  const denials = createDenialLog(deps);
  const resources = new DisposableStack();

  function decide(pod: Pod): Decision {
    const decision = deps.decide(pod, namespaces.permitted(pod.namespace));
    if (decision.kind === "denied") {
      denials.note(pod, decision.denial);
    }
    if (decision.kind === "allowed") {
      tellRefusal(identityKey(decision.identity), () => [pod]);
    }
    return decision;
  }

  /** What STS refuses is for people to mend. What else fails passes by itself, and pods that ask meanwhile are told. */
  function tellRefusal(key: IdentityKey, users: () => readonly Pod[]): void {
    const result = issuance.peek(key);
    if (result?.kind === "failed" && result.failure.kind === "refused") {
      const text = credentialErrorText(result.failure);
      for (const pod of users()) {
        deps.events.stands(pod, text);
      }
    }
  }

  function podChanged({ before, after }: PodChange): void {
    if (before !== undefined && before.nodeName !== after?.nodeName) {
      feeds.get(before.nodeName)?.remove(before.uid);
    }
    if (after !== undefined) {
      forgetRefusalOf(before, after);
      feeds.get(after.nodeName)?.put(after);
    }
  }

  /** Also where the node is watched by another replica: this one may be asked for the pod's credentials all the same. */
  function forgetRefusalOf(before: Pod | undefined, after: Pod): void {
    if (before === undefined || isDeepStrictEqual(before.request, after.request)) {
      return;
    }
    const decision = deps.decide(after, namespaces.permitted(after.namespace));
    if (decision.kind === "allowed") {
      issuance.forgetRefusal(identityKey(decision.identity));
    }
  }

  /** Tens of thousands of pods may be concerned. Whoever asks meanwhile is answered by what policy says at that moment. */
  const reconsideration = resources.use(createReconsideration({ decideNode, clock }));

  /** Most pods ask for nothing, and get that whatever is permitted. */
  const asks = ({ request }: Pod): boolean => request !== undefined;

  function decideNode(nodeName: string, concerned: Concerned): number {
    const feed = feeds.get(nodeName);
    const asking = pods.onNode(nodeName).filter(asks);
    const again = concerned === "all" ? asking : asking.filter(({ namespace }) => concerned.has(namespace));
    for (const pod of again) {
      feed?.put(pod);
    }
    return again.length;
  }

  /** To look through tens of thousands of pods is a matter of milliseconds; to decide them is not. */
  function namespaceChanged(name: string): void {
    const nodeNames = new Set<string>();
    for (const pod of pods.inNamespace(name)) {
      if (asks(pod) && feeds.has(pod.nodeName)) {
        nodeNames.add(pod.nodeName);
      }
    }
    reconsideration.add(nodeNames, name);
  }

  resources.use(pods.changes.add(podChanged));
  resources.use(
    pods.lists.add(() => {
      for (const feed of feeds.values()) {
        feed.mailboxes.forEach((mailbox) => void mailbox.passOver());
      }
    }),
  );
  resources.use(namespaces.changes.add(namespaceChanged));
  resources.use(
    issuance.changes.add((key) => {
      for (const feed of feeds.values()) {
        feed.identityChanged(key);
        tellRefusal(key, () =>
          feed
            .usersOf(key)
            .map(pods.get)
            .filter((pod) => pod !== undefined),
        );
      }
    }),
  );

  function feedOf(nodeName: string): NodeFeed {
    const held = feeds.get(nodeName);
    if (held !== undefined) {
      return held;
    }
    const feed = createNodeFeed(pods.onNode(nodeName), { decide, issuance, pods, namespaces });
    feeds.set(nodeName, feed);
    return feed;
  }

  /** Subscribes and takes the snapshot in one turn, so that nothing can happen in between. */
  function join(nodeName: string) {
    const feed = feedOf(nodeName);
    reconsideration.settle(nodeName);
    const mailbox = createMailbox(feed.uids(), clock);
    const snapshot: NodeUpdate = { kind: "snapshot", nodeName, ...feed.everything(), heartbeatIntervalMs };
    feed.mailboxes.add(mailbox);
    deps.metrics.nodeStreams.inc();
    const leave = () => {
      deps.metrics.nodeStreams.dec();
      feed.mailboxes.delete(mailbox);
      mailbox[Symbol.dispose]();
      if (feed.mailboxes.size === 0) {
        feeds.delete(nodeName);
        reconsideration.forget(nodeName);
        feed[Symbol.dispose]();
      }
    };
    return { feed, mailbox, snapshot, leave };
  }

  async function* watch(nodeName: string, signal: AbortSignal): AsyncGenerator<NodeUpdate> {
    if (signal.aborted) {
      return;
    }
    const { feed, mailbox, snapshot, leave } = join(nodeName);
    using held = new DisposableStack();
    held.defer(leave);
    // Not only at the end of this function: it may never be resumed where its reader is gone.
    const letGo = () => held.dispose();
    signal.addEventListener("abort", letGo, { once: true });
    held.defer(() => signal.removeEventListener("abort", letGo));

    deps.metrics.feedMessages.inc();
    yield snapshot;
    let heartbeatAtMs = clock.now() + heartbeatIntervalMs;
    while (!signal.aborted) {
      // Nothing is said of a pod that policy has yet to be asked about again.
      reconsideration.settle(nodeName);
      const notices = mailbox.take();
      const changes = notices === undefined ? undefined : feed.changesOf(notices);
      const isDue = notices?.passedOver === true || clock.now() >= heartbeatAtMs;
      if (changes === undefined && !isDue) {
        await mailbox.wait(heartbeatAtMs - clock.now());
        continue;
      }
      deps.metrics.feedMessages.inc();
      yield changes ?? { kind: "heartbeat", podsVersion: pods.version };
      heartbeatAtMs = clock.now() + heartbeatIntervalMs;
    }
  }

  return {
    watch,
    decideAgain: () => reconsideration.add(feeds.keys()),
    [Symbol.dispose]: () => resources.dispose(),
  };
}
