import { expect, test } from "bun:test";
import { createTokenKeys } from "../../../../src/agent/metadata/token-keys.ts";
import { createImdsTokens } from "../../../../src/agent/metadata/tokens.ts";
import { watchUnclaimedAddresses } from "../../../../src/agent/metadata/unclaimed-addresses.ts";
import { aStore } from "../../../fakes/credential-stores.ts";
import { aNodePod, aSnapshot, someChanges } from "../../../fakes/node-pods.ts";
import { anAddress, aUid } from "../../../fakes/pods.ts";

const address = anAddress("10.0.0.1");
const holder = { uid: aUid("uid-1"), address };

function someTokens(nodeName = "node-a") {
  const { store, clock } = aStore(aSnapshot([]));
  let drawn = 0;
  const randomBytes = (length: number) => {
    drawn += 1;
    return new Uint8Array(length).fill(drawn);
  };
  const keyMaterial = () => new TextEncoder().encode("tls");
  const keys = createTokenKeys({ keyMaterial, nodeName, clock, randomBytes });
  const unclaimed = watchUnclaimedAddresses({ store, clock, randomBytes });
  return { tokens: createImdsTokens({ keys, unclaimed, clock }), store, clock };
}

test("a pod's token verifies for that pod until it expires", async () => {
  const { tokens, clock } = someTokens();
  const token = tokens.mintForPod(holder.uid, 60);

  const atOnce = tokens.verify(token, holder);
  await clock.advance(59_999);
  const justBefore = tokens.verify(token, holder);
  await clock.advance(1);

  expect([atOnce, justBefore, tokens.verify(token, holder)]).toEqual([true, true, false]);
});

test("a token is worthless to the address's next owner", () => {
  const { tokens } = someTokens();
  const token = tokens.mintForPod(holder.uid, 60);

  const isGood = tokens.verify(token, { uid: aUid("uid-2"), address });

  expect(isGood).toBe(false);
});

test("a pod's token outlives the agent, and is worthless on another node", () => {
  const token = someTokens().tokens.mintForPod(holder.uid, 60);

  const isGood = [someTokens(), someTokens("node-b")].map(({ tokens }) => tokens.verify(token, holder));

  expect(isGood).toEqual([true, false]);
});

test("no bit of a token can be changed", () => {
  const { tokens } = someTokens();
  const bytes = Buffer.from(tokens.mintForPod(holder.uid, 60), "base64url");

  const forged = Array.from({ length: bytes.length * 8 }, (_, bit) => {
    const copy = Buffer.from(bytes);
    copy.writeUInt8(copy.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
    return tokens.verify(copy.toString("base64url"), holder);
  });

  expect(forged.length).toBe(39 * 8);
  expect(forged.some(Boolean)).toBe(false);
});

test.each(["", "x", "AQAEAA==", "A".repeat(52), "A".repeat(53), "!".repeat(52)])("'%s' is no token", (text) => {
  const { tokens } = someTokens();

  const isGood = tokens.verify(text, holder);

  expect(isGood).toBe(false);
});

test("a token for an address that nobody had is the first pod's that is seen there, and nobody else's", () => {
  const { tokens, store } = someTokens();
  const token = tokens.mintForAddress(address, 60);
  const beforeAnyPod = tokens.verify(token, holder);
  store.apply(someChanges({ pods: [aNodePod()] }));
  const ofFirst = tokens.verify(token, holder);

  store.apply(someChanges({ removed: ["uid-1"], pods: [aNodePod({ uid: "uid-2" })] }));

  expect(beforeAnyPod).toBe(false);
  expect(ofFirst).toBe(true);
  expect(tokens.verify(token, { uid: aUid("uid-2"), address })).toBe(false);
});

test("the first pod counts that was seen there, not the first that used the token", () => {
  const { tokens, store } = someTokens();
  const token = tokens.mintForAddress(address, 60);

  store.apply(someChanges({ pods: [aNodePod()] }));
  store.apply(someChanges({ removed: ["uid-1"] }));
  store.apply(someChanges({ pods: [aNodePod({ uid: "uid-2" })] }));

  expect(tokens.verify(token, { uid: aUid("uid-2"), address })).toBe(false);
});

test("a token for one address is worthless at another, though both are unclaimed", () => {
  const { tokens, store } = someTokens();
  const token = tokens.mintForAddress(anAddress("10.0.0.2"), 60);
  tokens.mintForAddress(address, 60);
  store.apply(someChanges({ pods: [aNodePod()] }));

  const isGood = tokens.verify(token, holder);

  expect(isGood).toBe(false);
});

test("tokens minted one after the other while an address is unclaimed are all good", () => {
  const { tokens, store } = someTokens();
  const minted = [tokens.mintForAddress(address, 60), tokens.mintForAddress(address, 120)];
  store.apply(someChanges({ pods: [aNodePod()] }));

  const isGood = minted.map((token) => tokens.verify(token, holder));

  expect(isGood).toEqual([true, true]);
});

test("an address that is unclaimed again begins anew: the old tokens are worthless to the new pod", () => {
  const { tokens, store } = someTokens();
  const old = tokens.mintForAddress(address, 60);
  store.apply(someChanges({ pods: [aNodePod()] }));
  store.apply(someChanges({ removed: ["uid-1"] }));
  const fresh = tokens.mintForAddress(address, 60);
  store.apply(someChanges({ pods: [aNodePod({ uid: "uid-2" })] }));

  const isGood = [old, fresh].map((token) => tokens.verify(token, { uid: aUid("uid-2"), address }));

  expect(isGood).toEqual([false, true]);
});

test("where nobody says which pod has an address a token minted for it is good there, and nowhere else", () => {
  const { tokens } = someTokens();
  const token = tokens.mintForAddress(address, 60);
  tokens.mintForAddress(anAddress("10.0.0.2"), 60);

  const isGood = [tokens.verify(token, { address }), tokens.verify(token, { address: anAddress("10.0.0.2") })];

  expect(isGood).toEqual([true, false]);
});

test("a pod's own token, and one that a pod has been seen to come to, need to be told the pod", () => {
  const { tokens, store } = someTokens();
  const ofPod = tokens.mintForPod(holder.uid, 60);
  const ofAddress = tokens.mintForAddress(address, 60);
  store.apply(someChanges({ pods: [aNodePod()] }));

  const isGood = [ofPod, ofAddress].map((token) => tokens.verify(token, { address }));

  expect(isGood).toEqual([false, false]);
});

test("a token minted while the store was set aside goes to the first pod that it knows of afterwards", () => {
  const { tokens, store } = someTokens();
  store.apply(aSnapshot([aNodePod({ uid: "uid-gone" })]));
  const aside = store.setAside();
  const token = tokens.mintForAddress(address, 60);
  store.apply(aSnapshot([aNodePod()]));
  aside[Symbol.dispose]();

  const isGood = [tokens.verify(token, holder), tokens.verify(token, { uid: aUid("uid-gone"), address })];

  expect(isGood).toEqual([true, false]);
});
