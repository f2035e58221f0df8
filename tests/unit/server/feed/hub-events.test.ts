import { expect, test } from "bun:test";
import { settle } from "../../../fakes/clock.ts";
import { setUp } from "./set-up.ts";

const forbidden =
  'stands default/reader-1 KiamRoleForbidden failed assuming role "admin": ' +
  "namespace policy expression 'reader|writer' forbids role 'arn:aws:iam::123456789012:role/admin'";

test("a denied pod is told so on itself when its node is watched, and not before", async () => {
  await using hub = setUp();
  hub.put({ role: "admin" });
  const before = [...hub.eventsTold];

  using stream = hub.watch();
  await stream.next();

  expect(before).toEqual([]);
  expect(hub.eventsTold).toEqual([forbidden]);
});

test("a pod of a node that another replica watches is that one's to tell", async () => {
  await using hub = setUp();
  using stream = hub.watch("node-a");
  await stream.next();

  hub.put({ role: "admin", nodeName: "node-b" });

  expect(hub.eventsTold).toEqual([]);
});

test("a pod that is denied by a namespace's change is told", async () => {
  await using hub = setUp();
  hub.put({ role: "reader" });
  using stream = hub.watch();
  await stream.next();

  hub.permit("");

  expect(hub.eventsTold).toEqual([
    'stands default/reader-1 KiamRoleForbidden failed assuming role "reader": ' +
      "namespace policy expression '(empty)' forbids role 'arn:aws:iam::123456789012:role/reader'",
  ]);
});

test("what STS refuses is told to each pod that wants it, and to one that comes later", async () => {
  await using hub = setUp();
  hub.put({ uid: "a", name: "a", role: "reader" });
  hub.put({ uid: "b", name: "b", role: "reader" });
  hub.put({ uid: "w", name: "w", role: "writer" });
  using stream = hub.watch();
  await stream.next();
  await settle();

  for (const call of hub.sts.calls) {
    if (call.identity.role.endsWith("/reader")) {
      call.fail("refused", "AccessDenied");
    } else {
      call.issue();
    }
  }
  await settle();
  hub.put({ uid: "c", name: "c", role: "reader" });

  expect(hub.eventsTold.map((line) => line.split(":")[0])).toEqual([
    "stands default/a KiamCredentialError failed retrieving credentials",
    "stands default/b KiamCredentialError failed retrieving credentials",
    "stands default/c KiamCredentialError failed retrieving credentials",
  ]);
});

test("what passes by itself is told to nobody who does not ask", async () => {
  await using hub = setUp();
  hub.put({ role: "reader" });
  using stream = hub.watch();
  await stream.next();
  await settle();

  hub.sts.calls[0]?.fail("throttled", "Throttling");
  await settle();

  expect(hub.eventsTold).toEqual([]);
});
