import { expect, test } from "bun:test";
import { ownerOf } from "../../../src/domain/address-owner.ts";
import { aPod } from "../../fakes/pods.ts";

const older = aPod({ uid: "older", nodeName: "node-a", startedAtMs: 1000 });
const newer = aPod({ uid: "newer", nodeName: "node-b", startedAtMs: 2000 });
const asNew = aPod({ uid: "as-new", nodeName: "node-c", startedAtMs: 2000 });

test("an address that nobody claims is nobody's", () => {
  expect(ownerOf([])).toEqual({ kind: "nobody" });
  expect(ownerOf([], "node-a")).toEqual({ kind: "nobody" });
});

test("an address that one pod claims is its, on whichever node it is", () => {
  expect(ownerOf([older])).toEqual({ kind: "owner", pod: older });
  expect(ownerOf([older], "node-z")).toEqual({ kind: "owner", pod: older });
});

test("the pod on the asking agent's node wins over a newer one", () => {
  expect(ownerOf([newer, older], "node-a")).toEqual({ kind: "owner", pod: older });
});

test("of pods that are equally near the newest started wins", () => {
  expect(ownerOf([older, newer])).toEqual({ kind: "owner", pod: newer });
  expect(ownerOf([newer, older], "node-z")).toEqual({ kind: "owner", pod: newer });
});

test("pods that started at the same moment leave a doubt, unless one of them is near", () => {
  expect(ownerOf([newer, asNew, older])).toEqual({ kind: "doubt" });
  expect(ownerOf([newer, asNew, older], "node-b")).toEqual({ kind: "owner", pod: newer });
  expect(ownerOf([newer, aPod({ uid: "twin", nodeName: "node-b", startedAtMs: 2000 })], "node-b")).toEqual({
    kind: "doubt",
  });
});

test("an older doubt does not matter", () => {
  const twin = aPod({ uid: "twin", startedAtMs: 1000 });

  expect(ownerOf([older, twin, newer])).toEqual({ kind: "owner", pod: newer });
});

test("the list asked about is left as it was", () => {
  const claimants = [older, newer];

  ownerOf(claimants);
  ownerOf(claimants, "node-a");

  expect(claimants).toEqual([older, newer]);
});
