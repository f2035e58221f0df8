import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { createGoCalls } from "../../src/agent/feed/go-calls.ts";
import { KiamService } from "../../src/rpc/gen/kiam/kiam_pb.ts";
import { neverAborted } from "../../src/runtime/abort.ts";
import { anAddress } from "../fakes/pods.ts";
import { agentIdentity, connectTo, serveRoutes } from "../fixtures/rpc.ts";

const address = anAddress("10.0.0.1");
const never = neverAborted();

/** What both calls come to where a server fails each of them so. */
async function callsFailingBy(error: ConnectError) {
  const fail = () => Promise.reject(error);
  await using served = await serveRoutes((router) =>
    router.service(KiamService, { getPodRole: fail, getPodCredentials: fail }),
  );
  using connection = connectTo(served.server.port, agentIdentity(served.authority));
  const calls = createGoCalls({
    transport: connection.transport,
    readHeaders: async () => ({}),
    reasonOf: () => "as told",
  });
  return [await calls.role(address, never), await calls.credentials({ address, role: "reader" }, never)];
}

const failed = { kind: "failed", reason: "as told" } as const;
const lost = { kind: "lost", reason: "as told" } as const;

test.each([
  ["pod not found", Code.Unknown, [{ kind: "nobody" }, { kind: "nobody" }]],
  ["no pod found", Code.Unknown, [{ kind: "nobody" }, { kind: "nobody" }]],
  ["multiple running pods found", Code.Unknown, [{ kind: "doubt" }, { kind: "doubt" }]],
  ["forbidden by policy", Code.Unknown, [failed, { kind: "forbidden" }]],
  ["AccessDenied: forbidden by policy", Code.Unknown, [failed, failed]],
  ["no pod found", Code.Internal, [failed, failed]],
  ["the server is stopping", Code.Unavailable, [lost, lost]],
] as const)("'%s' with code %p is what the Go release means by it", async (text, code, outcomes) => {
  const answers = await callsFailingBy(new ConnectError(text, code));

  expect(answers).toEqual([...outcomes]);
});

test("credentials that lack a part are the server's failure", async () => {
  await using served = await serveRoutes((router) =>
    router.service(KiamService, { getPodCredentials: () => ({ accessKeyId: "ASIA" }) }),
  );
  using connection = connectTo(served.server.port, agentIdentity(served.authority));
  const calls = createGoCalls({
    transport: connection.transport,
    readHeaders: async () => ({}),
    reasonOf: (error) => String(error),
  });

  const answer = await calls.credentials({ address, role: "reader" }, never);

  expect(answer).toEqual({
    kind: "failed",
    reason: "MalformedMessage: a server sent credentials that lack a part",
  });
});
