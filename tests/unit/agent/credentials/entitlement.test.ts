import { expect, test } from "bun:test";
import { entitlementOf } from "../../../../src/agent/credentials/entitlement.ts";
import { allowed, aNodePod, anIdentity } from "../../../fakes/node-pods.ts";

const byPath = aNodePod({ annotatedRole: "/team/reader", decision: allowed("identity-reader", "team/reader") });

test.each(["team/reader", "/team/reader", "arn:aws:iam::123456789012:role/team/reader"])(
  "a role may be asked for as %s",
  (requested) => {
    const entitlement = entitlementOf(byPath, requested);

    expect(entitlement).toEqual({ kind: "entitled", identity: anIdentity("identity-reader") });
  },
);

test.each([
  "",
  "/",
  "reader",
  "team%2Freader",
  "team/reader ",
  "Team/reader",
  "arn:aws:iam::999999999999:role/team/reader",
])("'%s' is not that role", (requested) => {
  const entitlement = entitlementOf(byPath, requested);

  expect(entitlement).toEqual({
    kind: "denied",
    explanation: `requested '${requested}' but annotated with '/team/reader', forbidden`,
  });
});
