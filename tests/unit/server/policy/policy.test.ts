import { describe, expect, test } from "bun:test";
import type { RoleArn } from "../../../../src/domain/role-arn.ts";
import { createPatterns } from "../../../../src/server/policy/patterns.ts";
import { createPolicy } from "../../../../src/server/policy/policy.ts";
import { aPod } from "../../../fakes/pods.ts";
import { aRole } from "../../../fakes/roles.ts";

const base = "arn:aws:iam::123456789012:role/";
const reader = aRole(`${base}reader`);

function decideWith(overrides: Partial<Parameters<typeof createPolicy>[0]> = {}) {
  const patterns = createPatterns("whole");
  return createPolicy({ baseArn: base, defaultSession: "kiam", serversOwnRoles: () => [], patterns, ...overrides });
}

const asking = (role: string, rest: { readonly sessionName?: string; readonly externalId?: string } = {}) =>
  aPod({ request: { source: "pod-annotation", role, ...rest } });

test.each([["reader"], ["/reader"], [`${base}reader`]])("%s is allowed where the namespace permits it", (role) => {
  const decision = decideWith()(asking(role), `${base}(reader|writer)`);

  expect(decision).toEqual({
    kind: "allowed",
    identity: { role: reader, sessionName: "kiam-kiam" },
    nameBelowBase: "reader",
  });
});

test("a role of another account has no name below the base", () => {
  const foreign = aRole("arn:aws-cn:iam::999999999999:role/team/reader");

  const decision = decideWith()(asking(foreign), ".*");

  expect(decision).toEqual({ kind: "allowed", identity: { role: foreign, sessionName: "kiam-kiam" } });
});

test("session name and external id are the annotations'", () => {
  const pod = asking("reader", { sessionName: "my session", externalId: "shared" });

  const decision = decideWith()(pod, ".*");

  expect(decision).toMatchObject({
    kind: "allowed",
    identity: { role: reader, sessionName: "kiam-my-session", externalId: "shared" },
  });
});

test("empty annotations are as none", () => {
  const decision = decideWith()(asking("reader", { sessionName: "", externalId: "" }), ".*");

  expect(decision).toMatchObject({ identity: { role: reader, sessionName: "kiam-kiam" } });
  expect(decision.kind === "allowed" && "externalId" in decision.identity).toBeFalse();
});

test.each([[aPod()], [asking("")], [aPod({ isMirror: true })]])("who asks for no role has none", (pod) => {
  expect(decideWith()(pod, ".*")).toEqual({ kind: "no-role" });
});

describe("denied is", () => {
  const roles = { serversOwnRoles: (): readonly RoleArn[] => [aRole(`${base}kiam-server`)] };

  test.each([["a b"], ["//reader"], ["arn:aws:iam::1:role/reader"], ["/"], ["arn:aws:s3:::bucket"]])(
    "what is no role: %p",
    (annotated) => {
      expect(decideWith()(asking(annotated), ".*")).toEqual({
        kind: "denied",
        denial: { kind: "malformed-role", annotated },
      });
    },
  );

  test.each([[""], ["reader"], [`${base}read`], [`${base}writer|reader`]])(
    "a role that the namespace's %p does not match",
    (pattern) => {
      expect(decideWith()(asking("reader"), pattern)).toEqual({
        kind: "denied",
        denial: { kind: "namespace-forbids", pattern, role: reader },
        role: reader,
        wanted: { role: reader, sessionName: "kiam-kiam" },
      });
    },
  );

  test("a role in a namespace whose pattern is none", () => {
    const decision = decideWith()(asking("reader"), "a)|(?:.*");

    expect(decision).toEqual({
      kind: "denied",
      denial: { kind: "malformed-pattern", pattern: "a)|(?:.*", problem: expect.stringContaining("unexpected )") },
      role: reader,
      wanted: { role: reader, sessionName: "kiam-kiam" },
    });
  });

  test("a mirror pod, whatever its namespace permits", () => {
    const pod = aPod({ isMirror: true, request: { source: "pod-annotation", role: "reader" } });

    expect(decideWith()(pod, ".*")).toEqual({ kind: "denied", denial: { kind: "mirror-pod" }, role: reader });
  });

  test.each([["kiam-server"], [`${base}kiam-server`], ["some/path/kiam-server"], ["KIAM-server"]])(
    "the server's own role, asked for as %s",
    (role) => {
      expect(decideWith(roles)(asking(role), ".*")).toMatchObject({
        kind: "denied",
        denial: { kind: "servers-own-role" },
      });
    },
  );

  test("the server's own role from the moment it is known", () => {
    const own: RoleArn[] = [];
    const decide = decideWith({ serversOwnRoles: () => own });
    expect(decide(asking("reader"), ".*").kind).toBe("allowed");

    own.push(reader);

    expect(decide(asking("reader"), ".*").kind).toBe("denied");
  });
});

test("a role of the server's role's name in another account is not the server's", () => {
  const decide = decideWith({ serversOwnRoles: () => [aRole("arn:aws:iam::999999999999:role/reader")] });

  expect(decide(asking("reader"), ".*").kind).toBe("allowed");
});

test("patterns that need not match the whole permit by a part, and empty ones still permit nothing", () => {
  const decide = decideWith({ patterns: createPatterns("anywhere") });

  expect(decide(asking("reader"), "reader").kind).toBe("allowed");
  expect(decide(asking("reader"), "").kind).toBe("denied");
});
