import { expect, test } from "bun:test";
import type { PodUid } from "../../../../src/domain/pod.ts";
import type { IdentityKey } from "../../../../src/domain/role-identity.ts";
import { createMailbox } from "../../../../src/server/feed/mailbox.ts";
import { createFakeClock, settle } from "../../../fakes/clock.ts";
import { aUid } from "../../../fakes/pods.ts";

const clock = createFakeClock();
const [a, b] = [aUid("a"), aUid("b")];
const role = "role" as IdentityKey;

/** A mailbox whose reader knows pod a. */
const mailboxKnowing = (...uids: PodUid[]) => createMailbox(uids, clock);

test("there is nothing to take before something happened, and nothing after it was taken", () => {
  const mailbox = mailboxKnowing(a);
  const before = mailbox.take();
  mailbox.podChanged(a);

  expect([before, mailbox.take(), mailbox.take()]).toEqual([
    undefined,
    { changed: [a], removed: [], identities: [] },
    undefined,
  ]);
});

test("what happens a thousand times is told once", () => {
  const mailbox = mailboxKnowing(a);

  for (let time = 0; time < 1_000; time += 1) {
    mailbox.podChanged(a);
    mailbox.identityChanged(role);
  }

  expect(mailbox.size).toBe(2);
  expect(mailbox.take()).toEqual({ changed: [a], removed: [], identities: [role] });
});

test("of a pod that comes and goes unseen it is only said that there was one, one that was told of is removed", () => {
  const mailbox = mailboxKnowing(a);

  mailbox.podChanged(b);
  mailbox.podRemoved(b);
  mailbox.podRemoved(a);

  expect(mailbox.take()).toEqual({ changed: [], removed: [a], identities: [], passedOver: true });
  expect(mailbox.take()).toBeUndefined();
});

test("a pod is known once it was taken, and unknown once its removal was", () => {
  const mailbox = mailboxKnowing();
  mailbox.podChanged(b);
  mailbox.take();
  mailbox.podRemoved(b);
  const removal = mailbox.take();
  mailbox.podRemoved(b);

  expect(removal?.removed).toEqual([b]);
  expect(mailbox.take()).toEqual({ changed: [], removed: [], identities: [], passedOver: true });
});

test("a pod that is back before its removal was read is told of as changed only", () => {
  const mailbox = mailboxKnowing(a);

  mailbox.podRemoved(a);
  mailbox.podChanged(a);

  expect(mailbox.take()).toEqual({ changed: [a], removed: [], identities: [] });
});

test("an identity that nobody uses any more is not spoken of", () => {
  const mailbox = mailboxKnowing();

  mailbox.identityChanged(role);
  mailbox.identityUnused(role);

  expect(mailbox.take()).toBeUndefined();
});

test("pods that come and go while nobody reads do not add up", () => {
  const mailbox = mailboxKnowing(a);

  for (let index = 0; index < 1_000; index += 1) {
    mailbox.podChanged(aUid(`pod-${index}`));
    mailbox.podRemoved(aUid(`pod-${index}`));
  }

  expect(mailbox.size).toBe(0);
});

test("a reader waits until something comes, until its time is up, or until the mailbox is disposed", async () => {
  const mailbox = mailboxKnowing();
  const ends: string[] = [];

  const byNews = mailbox.wait(1_000).then(() => ends.push("news"));
  mailbox.podChanged(a);
  await byNews;
  const atOnce = mailbox.wait(1_000).then(() => ends.push("at once"));
  await atOnce;
  mailbox.take();
  const byTime = mailbox.wait(1_000).then(() => ends.push("time"));
  await clock.advance(999);
  expect(ends).toEqual(["news", "at once"]);
  await clock.advance(1);
  await byTime;
  const byEnd = mailbox.wait(1_000).then(() => ends.push("end"));
  mailbox[Symbol.dispose]();
  await byEnd;
  await mailbox.wait(1_000).then(() => ends.push("after the end"));

  expect(ends).toEqual(["news", "at once", "time", "end", "after the end"]);
  expect(clock.timers).toBe(0);
});

test("a reader that waits for less than the one before it is woken in its own time", async () => {
  using mailbox = mailboxKnowing();
  const long = mailbox.wait(1_000);
  mailbox.podChanged(a);
  await long;
  mailbox.take();

  let isAwake = false;
  const short = mailbox.wait(10).then(() => {
    isAwake = true;
  });
  await clock.advance(10);
  await short;

  expect(isAwake).toBe(true);
});

test("a pod that nobody here was told of wakes the reader when it goes: somebody else may have told of it", async () => {
  const mailbox = mailboxKnowing();
  let isAwake = false;
  const waiting = mailbox.wait(1_000).then(() => {
    isAwake = true;
  });

  mailbox.podRemoved(b);
  await settle();

  expect(isAwake).toBeTrue();
  await waiting;
});
