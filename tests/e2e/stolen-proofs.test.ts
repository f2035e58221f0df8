import { afterAll, beforeAll, expect, test } from "bun:test";
import { type Answers, askServer, type Question } from "./lab/ask-server.ts";
import type { KiamProcess } from "./lab/kiam.ts";
import { waitFor } from "./lab/wait.ts";
import { createTwoNodes, type TwoNodes } from "./set-up/two-nodes.ts";

// What a proof is worth in other hands: a server is asked over the wire, by every call of both services.

let world: TwoNodes;
beforeAll(async () => {
  world = await createTwoNodes();
});
afterAll(async () => {
  await world?.[Symbol.asyncDispose]();
});

const aboutReader = { podAddress: "10.244.1.9", role: "reader" };
const aboutWriter = { podAddress: "10.244.2.9", role: "writer" };

/** Asks the strict server unless told. */
function ask({ server = world.strict, ...question }: Omit<Question, "address"> & { readonly server?: KiamProcess }) {
  return askServer(world.lab.control, { address: server.address, ...question });
}

const byToken = (token: string) => ({ identity: world.shared, authorization: `Bearer ${token}` });

const nothingOfOthers = {
  lookupPod: "NotFound: no live pod of the node has the address",
  getPodRole: "Unknown: no pod found",
  getPodCredentials: "Unknown: no pod found",
};

const everywhere = (refusal: string): Answers => ({
  ...{ watchNode: refusal, lookupPod: refusal, getPodRole: refusal, getPodCredentials: refusal },
});

test("a proof gives all of its own node: else the refusals below would mean nothing", async () => {
  const certified = await ask({ identity: world.certificate1, nodeName: "node-1", ...aboutReader });
  const withToken = await ask({ ...byToken(world.token1), ...aboutReader });

  expect(certified).toMatchObject({ getPodRole: "reader", getPodCredentials: "Success" });
  expect(certified.lookupPod).toStartWith("credentials of ");
  expect(certified.watchNode).toContain("reader");
  expect(withToken).toEqual(certified);
});

test("it gives nothing of another node, be it certificate or token, on servers of either mind", async () => {
  const proofs = [{ identity: world.certificate2 }, byToken(world.token2)];

  const answers = await Promise.all(
    proofs.flatMap((proof) => [world.strict, world.lenient].map((server) => ask({ ...proof, ...aboutReader, server }))),
  );

  for (const { watchNode, ...others } of answers) {
    expect(watchNode).toContain("writer");
    expect(watchNode).not.toContain("reader");
    expect(others).toEqual(nothingOfOthers);
  }
});

test("it is refused with a claim of another node", async () => {
  const [certified, withToken] = await Promise.all([
    ask({ identity: world.certificate2, nodeName: "node-1", ...aboutReader }),
    ask({ ...byToken(world.token2), nodeName: "node-1", ...aboutReader }),
  ]);

  const refusal = "PermissionDenied: the agent is proved to be on node node-2 and asks for node node-1";
  expect(certified).toEqual({ ...nothingOfOthers, watchNode: refusal, lookupPod: refusal });
  expect(withToken).toEqual(certified);
});

test("one node's certificate with another's token is refused", async () => {
  const answers = await ask({ ...byToken(world.token2), identity: world.certificate1, ...aboutWriter });

  expect(answers).toEqual(everywhere("PermissionDenied: the certificate is node node-1's, the token node node-2's"));
});

test("what is no proof is refused", async () => {
  const unbound = await world.proofs.token({ account: "kiam-agent" });

  const [nothing, garbage, noBearer, ofNoPod] = await Promise.all([
    ask({ identity: world.shared, ...aboutReader }),
    ask({ ...byToken("not-a-token"), ...aboutReader }),
    ask({ identity: world.shared, authorization: "Basic a2lhbTpraWFt", ...aboutReader }),
    ask({ ...byToken(unbound), nodeName: "node-1", ...aboutReader }),
  ]);

  expect(nothing).toEqual(everywhere("Unauthenticated: the agent shows neither a token nor a node's certificate"));
  expect(garbage.getPodCredentials).toStartWith("Unauthenticated: the API server does not accept the token");
  expect(garbage).toEqual(everywhere(garbage.getPodCredentials));
  expect(noBearer).toEqual(everywhere("InvalidArgument: authorization is malformed"));
  expect(ofNoPod.getPodCredentials).toStartWith("PermissionDenied: the token is not bound to a pod");
  expect(ofNoPod).toEqual(everywhere(ofNoPod.getPodCredentials));
});

test("a token is worth nothing once its pod is gone", async () => {
  const token = await world.proofs.agentToken("kiam-agent-brief", world.node2);
  const question = { ...byToken(token), ...aboutWriter };
  const before = await ask(question);

  await world.proofs.deletePod("kiam-agent-brief");
  const after = await waitFor("the refusal", async () => {
    const answers = await ask(question);
    return answers.getPodCredentials === "Success" ? undefined : answers;
  });

  expect(before.getPodCredentials).toBe("Success");
  expect(after.getPodCredentials).toStartWith("Unauthenticated: ");
  expect(after).toEqual(everywhere(after.getPodCredentials));
});
