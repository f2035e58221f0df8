import { expect, test } from "bun:test";
import { newestWord, unsure } from "../../../../src/agent/credentials/newest-word.ts";
import type { NodeDecision } from "../../../../src/domain/node-pod.ts";
import { allowed, aNodePod, anIdentity, versions } from "../../../fakes/node-pods.ts";
import { aRole } from "../../../fakes/roles.ts";

const reader = allowed();
const writer = allowed("identity-writer", "writer");
const noReader: NodeDecision = {
  kind: "denied",
  explanation: "no readers",
  role: aRole("arn:aws:iam::123456789012:role/reader"),
};

function saidAt(pod: number, namespace: number, decision: NodeDecision = reader) {
  return aNodePod({ versions: versions(pod, namespace), decision });
}

test.each([
  ["newer in both", [6, 8], "come"],
  ["of a newer pod", [6, 7], "come"],
  ["of a newer namespace", [5, 8], "come"],
  ["of the same versions", [5, 7], "come"],
  ["of a pod whose version can't be compared", [0, 1], "come"],
  ["of an older pod", [4, 7], "held"],
  ["of an older namespace", [5, 6], "held"],
  ["older in both", [4, 6], "held"],
  ["of an older pod, and its namespace can't be compared", [4, 0], "held"],
] as const)("what is said %s is weighed against what is held", (_, [pod, namespace], which) => {
  const held = saidAt(5, 7);
  const come = saidAt(pod, namespace, noReader);

  const word = newestWord(come, held);

  expect(word.pod).toBe(which === "come" ? come : held);
  expect(word.isSure).toBe(true);
});

test("a newer pod and a newer namespace that permits the same role make a grant of both versions", () => {
  const word = newestWord(saidAt(6, 6), saidAt(5, 7));

  expect(word).toEqual({ pod: saidAt(6, 7), isSure: true });
});

test.each([
  ["what comes", saidAt(4, 8, noReader), saidAt(5, 7), [5, 8]],
  ["what is held", saidAt(6, 6), saidAt(5, 7, noReader), [6, 7]],
] as const)(
  "a newer namespace that forbids the newer pod's role denies, be it by %s",
  (_, come, held, [pod, namespace]) => {
    const word = newestWord(come, held);

    expect(word).toEqual({ pod: saidAt(pod, namespace, noReader), isSure: true });
  },
);

test.each([
  ["another role", saidAt(5, 7)],
  ["none", saidAt(5, 7, { kind: "no-role" })],
])(
  "a newer pod of whose role the newer namespace was not asked, because it asked for %s, may not have it",
  (_, held) => {
    const word = newestWord(saidAt(6, 6, writer), held);

    expect(word).toEqual({ pod: saidAt(6, 6, writer), isSure: false });
    expect(unsure(word.pod).decision).toEqual({
      kind: "denied",
      explanation:
        "what namespace 'default' permits has changed, and the kiam server that told of the pod has yet to hear of it",
      role: aRole("arn:aws:iam::123456789012:role/writer"),
    });
  },
);

test("what an older namespace forbade a newer pod is allowed where the newer one allows the same", () => {
  const forbidden = saidAt(6, 6, { ...noReader, wanted: anIdentity("identity-reader") });

  const words = [newestWord(forbidden, saidAt(5, 7)), newestWord(saidAt(5, 7), forbidden)];

  expect(words).toEqual([0, 1].map(() => ({ pod: saidAt(6, 7), isSure: true })));
});

test("and stays forbidden where the newer one was asked of other credentials of the role", () => {
  const forbidden = saidAt(6, 6, { ...noReader, wanted: anIdentity("identity-reader-with-another-session") });

  const word = newestWord(forbidden, saidAt(5, 7));

  expect(word).toEqual({ pod: forbidden, isSure: true });
});

test("what forbids a newer pod its role besides its namespace stays", () => {
  const word = newestWord(saidAt(6, 6, noReader), saidAt(5, 7));

  expect(word.pod.decision).toBe(noReader);
});
