import { describe, expect, test } from "bun:test";
import type { Pod } from "../../../../src/domain/pod.ts";
import { type IdentityKey, identityKey, type RoleIdentity } from "../../../../src/domain/role-identity.ts";
import { createMailbox } from "../../../../src/server/feed/mailbox.ts";
import { createNodeFeed } from "../../../../src/server/feed/node-feed.ts";
import { createFakeClock } from "../../../fakes/clock.ts";
import { aPod, aUid } from "../../../fakes/pods.ts";
import { decideByName } from "../../../fakes/policy.ts";
import { identityOf } from "../../../fakes/sts.ts";

const clock = createFakeClock();
const readerKey = identityKey(identityOf("reader"));

function aPodWith(role: string | undefined, overrides: Parameters<typeof aPod>[0] = {}): Pod {
  return aPod({ ...(role === undefined ? {} : { request: { source: "pod-annotation", role } }), ...overrides });
}

/** A feed, how often each identity is wanted now, and how often it ever was. */
function setUp(...pods: readonly Pod[]) {
  const wanted = new Map<IdentityKey, number>();
  const history: IdentityKey[] = [];
  const count = (key: IdentityKey, change: 1 | -1) => {
    const left = (wanted.get(key) ?? 0) + change;
    wanted.set(key, left);
    if (left === 0) {
      wanted.delete(key);
    }
  };
  const feed = createNodeFeed(pods, {
    decide: (pod) => decideByName(pod, "reader|writer"),
    issuance: {
      peek: () => undefined,
      want(identity: RoleIdentity) {
        const key = identityKey(identity);
        history.push(key);
        count(key, 1);
        return { [Symbol.dispose]: () => count(key, -1) };
      },
    },
    pods: { version: 900n, versionOf: () => 800n },
    namespaces: { versionOf: () => 50n },
  });
  const mailbox = createMailbox(feed.uids(), clock);
  feed.mailboxes.add(mailbox);
  return { feed, mailbox, wanted, history };
}

describe("what a node's pods may have is wanted", () => {
  test("once for each pod, however often it is put again", () => {
    const { feed, wanted, history } = setUp(aPodWith("reader"));

    feed.put(aPodWith("reader", { addresses: ["10.0.0.2"] }));
    feed.put(aPodWith("reader", { addresses: ["10.0.0.3"] }));

    expect([...wanted]).toEqual([[readerKey, 1]]);
    expect(history.length).toBe(1);
  });

  test("and the new one before the old is let go", () => {
    const { feed, wanted } = setUp(aPodWith("reader"), aPodWith("reader", { uid: "b" }));

    feed.put(aPodWith("writer"));

    expect(wanted).toEqual(
      new Map([
        [readerKey, 1],
        [identityKey(identityOf("writer")), 1],
      ]),
    );
  });

  test("and no longer once the pod is denied, asks for nothing, or is gone", () => {
    for (const end of [
      (feed: ReturnType<typeof setUp>["feed"]) => feed.put(aPodWith("admin")),
      (feed: ReturnType<typeof setUp>["feed"]) => feed.put(aPodWith(undefined)),
      (feed: ReturnType<typeof setUp>["feed"]) => feed.remove(aUid("uid-1")),
      (feed: ReturnType<typeof setUp>["feed"]) => feed[Symbol.dispose](),
    ]) {
      const { feed, wanted } = setUp(aPodWith("reader"));
      end(feed);
      expect(wanted.size).toBe(0);
    }
  });
});

describe("a reader who does not read", () => {
  test("is owed nothing of pods and identities that came and went", () => {
    const { feed, mailbox } = setUp();

    for (let turn = 0; turn < 1_000; turn += 1) {
      const request = { source: "pod-annotation", role: "reader", sessionName: `session-${turn}` } as const;
      feed.put(aPod({ uid: `pod-${turn}`, request }));
      feed.remove(aUid(`pod-${turn}`));
    }

    expect(mailbox.size).toBe(0);
  });

  test("is not told of credentials that no pod of the node uses", () => {
    const { feed, mailbox } = setUp(aPodWith("writer"));

    feed.identityChanged(readerKey);

    expect(mailbox.size).toBe(0);
  });

  test("is not told of what no agent sees", () => {
    const { feed, mailbox } = setUp(aPodWith(undefined));

    feed.put(aPodWith(undefined, { hostIp: "192.168.0.9" }));

    expect(mailbox.size).toBe(0);
  });

  test("is told of a newer version of a pod: another replica may know less", () => {
    const { feed, mailbox } = setUp(aPodWith("reader"));

    feed.put(aPodWith("reader", { hostIp: "192.168.0.9", resourceVersion: "101" }));
    const changes = feed.changesOf(mailbox.take() ?? { changed: [], removed: [], identities: [] });

    expect(changes).toMatchObject({ pods: [{ versions: { pod: 800n, namespace: 50n } }], podsVersion: 900n });
  });

  test("is told at which version a pod was gone", () => {
    const { feed, mailbox } = setUp(aPodWith("reader"));

    feed.remove(aUid("uid-1"));
    const changes = feed.changesOf(mailbox.take() ?? { changed: [], removed: [], identities: [] });

    expect(changes).toMatchObject({ removed: [{ uid: "uid-1", version: 800n }] });
  });
});
