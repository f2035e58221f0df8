import { expect, test } from "bun:test";
import { watchUnclaimedAddresses } from "../../../../src/agent/metadata/unclaimed-addresses.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { aNodePod, aSnapshot, someChanges } from "../../../fakes/node-pods.ts";
import { anAddress, aUid } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");

function watched() {
  const { store, clock } = aStore(aSnapshot([]));
  const unclaimed = watchUnclaimedAddresses({
    store,
    clock,
    randomBytes: (length) => crypto.getRandomValues(new Uint8Array(length)),
  });
  return { unclaimed, store, clock };
}

test("what was awaited more than six hours ago is forgotten", async () => {
  const { unclaimed, store, clock } = watched();
  unclaimed.await(address);
  store.apply(someChanges({ pods: [aNodePod()] }));
  await clock.advance(6 * 3_600_000);

  unclaimed.await(anAddress("10.0.0.2"));

  expect(unclaimed.claimedBy(address, aUid("uid-1"))).toBeUndefined();
});

test("four thousand addresses push the oldest out, and no more than that", () => {
  const { unclaimed, store } = watched();
  const addresses = Array.from({ length: 4_097 }, (_, index) => anAddress(`10.1.${index >> 8}.${index & 255}`));

  for (const each of addresses) {
    unclaimed.await(each);
  }
  store.apply(
    someChanges({
      pods: addresses.slice(0, 2).map((each, index) => aNodePod({ uid: `uid-${index}`, addresses: [each] })),
    }),
  );

  expect(unclaimed.claimedBy(anAddress("10.1.0.0"), aUid("uid-0"))).toBeUndefined();
  expect(unclaimed.claimedBy(anAddress("10.1.0.1"), aUid("uid-1"))).toBeDefined();
});

test("two claimants leave the address unclaimed until one of them has it", () => {
  const { unclaimed, store } = watched();
  unclaimed.await(address);
  store.apply(someChanges({ pods: [aNodePod({ uid: "uid-a" }), aNodePod({ uid: "uid-b" })] }));

  store.apply(someChanges({ removed: ["uid-a"] }));

  expect(unclaimed.claimedBy(address, aUid("uid-a"))).toBeUndefined();
  expect(unclaimed.claimedBy(address, aUid("uid-b"))).toBeDefined();
});
