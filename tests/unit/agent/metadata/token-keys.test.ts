import { expect, test } from "bun:test";
import { createTokenKeys } from "../../../../src/agent/metadata/token-keys.ts";
import { createFakeClock } from "../../../fakes/clock.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

function someKeys(material: Uint8Array | undefined, nodeName = "node-a") {
  const clock = createFakeClock();
  const tls = { key: material };
  let drawn = 0;
  const randomBytes = (length: number) => {
    drawn += 1;
    return new Uint8Array(length).fill(drawn);
  };
  return { keys: createTokenKeys({ keyMaterial: () => tls.key, nodeName, clock, randomBytes }), clock, tls };
}

test("an agent that starts again has the same key, another node or TLS key another", () => {
  const [first, again] = [someKeys(bytes("tls")).keys, someKeys(bytes("tls")).keys];
  const [otherNode, otherKey] = [someKeys(bytes("tls"), "node-b").keys, someKeys(bytes("other")).keys];

  const key = first.current();

  expect(key.length).toBe(32);
  expect(again.current()).toEqual(key);
  expect(otherNode.current()).not.toEqual(key);
  expect(otherKey.current()).not.toEqual(key);
});

test("the TLS key itself is not the key", () => {
  const material = new Uint8Array(32).fill(7);

  const key = someKeys(material).keys.current();

  expect(key).not.toEqual(material);
});

test("before there is a TLS key a random one serves, and goes on verifying after it", () => {
  const { keys, tls } = someKeys(undefined);
  const random = keys.current();

  tls.key = bytes("tls");
  const derived = keys.current();

  expect(derived).toEqual(someKeys(bytes("tls")).keys.current());
  expect(keys.accepted()).toEqual([derived, random]);
});

test("the key before a rotation verifies for six hours", async () => {
  const { keys, clock, tls } = someKeys(bytes("old"));
  const old = keys.current();
  tls.key = bytes("new");
  const fresh = keys.current();

  await clock.advance(6 * 3_600_000 - 1);
  const justBefore = keys.accepted();
  await clock.advance(1);

  expect(justBefore).toEqual([fresh, old]);
  expect(keys.accepted()).toEqual([fresh]);
});

test("a TLS key that is read again and is the same is no rotation", () => {
  const { keys, tls } = someKeys(bytes("tls"));
  const before = keys.current();

  tls.key = bytes("tls");

  expect(keys.current()).toBe(before);
});

test("a TLS key that becomes unusable leaves the key as it is", () => {
  const { keys, tls } = someKeys(bytes("tls"));
  const before = keys.current();

  tls.key = undefined;

  expect(keys.current()).toBe(before);
});
