import { expect, test } from "bun:test";
import { Code, ConnectError } from "@connectrpc/connect";
import { ReplicaError } from "../../../../src/agent/feed/replica.ts";
import { isConnectionLost, replicaError } from "../../../../src/agent/feed/rpc-failure.ts";
import { MalformedMessage } from "../../../../src/rpc/convert.ts";

test.each([
  [Code.Unauthenticated, "unauthenticated", "--identity-token"],
  [Code.PermissionDenied, "wrong-node", "--node-name"],
  [Code.Unimplemented, "no-node-service", "update the servers"],
  [Code.Unavailable, "unreachable", "no connection to server 10.1.0.1"],
  [Code.Canceled, "unreachable", "no connection"],
  [Code.Aborted, "unreachable", "no connection"],
  [Code.Internal, "broken", "failed"],
  [Code.ResourceExhausted, "broken", "failed"],
] as const)("code %p is %s, with what to do", (code, failure, words) => {
  const error = replicaError(new ConnectError("why", code), "10.1.0.1", "node-a");

  expect(error.failure).toBe(failure);
  expect(error.message).toContain(words);
});

test("a message that can't be read is the replica's failure, not the connection's", () => {
  const error = replicaError(new MalformedMessage("an update of a kind"), "10.1.0.1", "node-a");

  expect(error.failure).toBe("broken");
  expect(error.message).toBe("server 10.1.0.1: an update of a kind");
});

test("an error that is one already stays itself", () => {
  const known = new ReplicaError("not-ready", "no certificate");

  const error = replicaError(known, "10.1.0.1", "node-a");

  expect(error).toBe(known);
});

test.each([
  [Code.Unavailable, true],
  [Code.Canceled, true],
  [Code.NotFound, false],
  [Code.Unauthenticated, false],
] as const)("code %p as a lost connection: %p", (code, expected) => {
  const isLost = isConnectionLost(new ConnectError("why", code));

  expect(isLost).toBe(expected);
});
