import { expect, test } from "bun:test";
import { identityKey, type RoleIdentity } from "../../../src/domain/role-identity.ts";
import { aRole } from "../../fakes/roles.ts";

const identity: RoleIdentity = {
  role: aRole("arn:aws:iam::123456789012:role/reader"),
  sessionName: "kiam-kiam",
  externalId: "shared-secret",
};

test("equal identities have one key, on every replica and in every release", () => {
  expect(identityKey({ ...identity })).toBe(identityKey(identity));
  expect(String(identityKey(identity))).toBe("Gbpy_Mqedu7SaLOmKFd3XmE-gupDybrSlOjtbRA1gzA");
});

test("identities that differ in anything have different keys", () => {
  const { externalId: _none, ...withoutExternalId } = identity;
  const others: readonly RoleIdentity[] = [
    { ...identity, role: aRole("arn:aws:iam::123456789012:role/writer") },
    { ...identity, sessionName: "kiam-other" },
    { ...identity, externalId: "other-secret" },
    { ...identity, externalId: "" },
    withoutExternalId,
    { ...withoutExternalId, sessionName: "kiam-kiam,shared-secret" },
    { ...withoutExternalId, sessionName: 'kiam-kiam","shared-secret' },
  ];

  const keys = new Set([identity, ...others].map(identityKey));

  expect(keys.size).toBe(others.length + 1);
});

test("a key shows nothing of what it stands for", () => {
  expect(identityKey(identity)).toMatch(/^[\w-]{43}$/);
});
