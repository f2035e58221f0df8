import type { Dice } from "../../fixtures/dice.ts";

/** What may happen next. Numbers choose among what there is at that moment, so that any step may be left out. */
export type Step =
  | {
      readonly kind: "schedule";
      readonly slot: number;
      readonly role: string | undefined;
      readonly namespace: string;
      readonly node: "node-a" | "node-b";
      readonly network: "own" | "host";
      readonly maker: "owner" | "kubelet";
    }
  | { readonly kind: "address"; readonly slot: number; readonly addresses: readonly string[] }
  | { readonly kind: "annotate"; readonly slot: number; readonly role: string | undefined; readonly session?: string }
  | { readonly kind: "begin-deletion" | "end-containers" | "delete" | "touch"; readonly slot: number }
  | { readonly kind: "finish"; readonly slot: number; readonly phase: "Succeeded" | "Failed" }
  | { readonly kind: "move"; readonly slot: number; readonly node: "node-a" | "node-b" }
  | { readonly kind: "permit"; readonly namespace: string; readonly pattern: string }
  | { readonly kind: "remove-namespace" | "touch-namespace"; readonly namespace: string }
  | {
      readonly kind: "deliver";
      readonly replica: number;
      readonly of: "pods" | "namespaces";
      readonly count: number;
      readonly skipped: number;
    }
  | { readonly kind: "list"; readonly replica: number; readonly of: "pods" | "namespaces" }
  | { readonly kind: "follow" | "restart" | "ask-of"; readonly replica: number }
  | { readonly kind: "cut" | "sync" | "calm" }
  | { readonly kind: "request"; readonly address: string; readonly role: string; readonly connection: "new" | number }
  | { readonly kind: "sts"; readonly which: number; readonly outcome: "issue" | "short" | "refused" | "unavailable" }
  | { readonly kind: "wait"; readonly ms: number };

export const addresses = ["10.0.0.1", "10.0.0.2", "fd00::1"] as const;
const slots = 3;

export const roles = ["reader", "writer"] as const;
const namespaceNames = ["default", "other"] as const;
const patterns = [".*", ".*/reader", ".*/(reader|writer)", "", "nothing", "("] as const;
const mostSteps = 60;
const everything = 100;

/** A replica is one of `replicas`. With one alone events of different pods overtake each other, too. */
export function aHistory(dice: Dice, replicas: number): readonly Step[] {
  const steps = [...aBeginning(dice, replicas)];
  const length = dice.between(12, mostSteps);
  while (steps.length < length) {
    steps.push(aStep(dice, replicas));
  }
  return steps;
}

/** Some pods run, and all servers know it. */
function aBeginning(dice: Dice, replicas: number): readonly Step[] {
  const own = { node: "node-a", network: "own", maker: "owner", namespace: "default" } as const;
  const running = Array.from({ length: dice.between(0, 2) }, (_, slot): readonly Step[] => [
    { kind: "schedule", slot, role: dice.pick(roles), ...own },
    { kind: "address", slot, addresses: someAddresses(dice) },
  ]);
  const heard = Array.from({ length: replicas }, (_, replica): Step => {
    return { kind: "deliver", replica, of: "pods", count: everything, skipped: 0 };
  });
  return [...running.flat(), ...heard, { kind: "follow", replica: 0 }];
}

function aStep(dice: Dice, replicas: number): Step {
  const slot = dice.between(0, slots - 1);
  const replica = dice.between(0, replicas - 1);
  const namespace = dice.pick(namespaceNames);
  const of = dice.happens(0.75) ? "pods" : "namespaces";
  const node = dice.happens(0.85) ? "node-a" : "node-b";
  const makers: Record<string, () => Step> = {
    schedule: () => ({
      ...{ kind: "schedule", slot, node, namespace: dice.happens(0.7) ? "default" : "other" },
      role: dice.happens(0.9) ? dice.pick(roles) : undefined,
      network: dice.happens(0.93) ? "own" : "host",
      maker: dice.happens(0.95) ? "owner" : "kubelet",
    }),
    address: () => ({ kind: "address", slot, addresses: someAddresses(dice) }),
    annotate: () => ({
      ...{ kind: "annotate", slot, role: dice.happens(0.8) ? dice.pick(roles) : undefined },
      ...(dice.happens(0.2) ? { session: dice.pick(["one", "two"]) } : {}),
    }),
    end: () => ({ kind: dice.pick(["begin-deletion", "end-containers", "delete", "delete", "touch"]), slot }),
    finish: () => ({ kind: "finish", slot, phase: dice.pick(["Succeeded", "Failed"]) }),
    move: () => ({ kind: "move", slot, node: dice.pick(["node-a", "node-b"]) }),
    permit: () => ({ kind: "permit", namespace, pattern: dice.pick(patterns) }),
    namespace: () => ({ kind: dice.pick(["remove-namespace", "touch-namespace"]), namespace }),
    deliver: () => ({
      ...{ kind: "deliver", replica, of, count: dice.happens(0.5) ? everything : dice.between(1, 3) },
      skipped: replicas === 1 && dice.happens(0.3) ? dice.between(1, 3) : 0,
    }),
    list: () => ({ kind: "list", replica, of }),
    follow: () => ({ kind: "follow", replica }),
    restart: () => ({ kind: "restart", replica }),
    askOf: () => ({ kind: "ask-of", replica }),
    now: () => ({ kind: dice.pick(["cut", "sync", "calm", "calm"]) }),
    request: () => ({
      ...{ kind: "request", address: dice.pick(addresses), role: dice.pick(roles) },
      connection: dice.happens(0.5) ? "new" : dice.between(0, 3),
    }),
    sts: () => ({
      ...{ kind: "sts", which: dice.between(0, 5) },
      outcome: dice.happens(0.7) ? "issue" : dice.pick(["short", "refused", "unavailable"]),
    }),
    wait: () => ({ kind: "wait", ms: dice.pick([10, 300, 800, 1_000, 5_000, 10_000, 60_000]) }),
  };
  const name = weighted[dice.between(0, weighted.length - 1)] ?? "wait";
  return makers[name]?.() ?? { kind: "wait", ms: 10 };
}

/** How often each comes, in so many throws. */
const weights = {
  ...{ schedule: 10, address: 14, annotate: 8, end: 8, finish: 2, move: 2, permit: 8, namespace: 2 },
  ...{ deliver: 30, list: 2, follow: 11, restart: 1, askOf: 2, now: 3, request: 14, sts: 10, wait: 9 },
};
const weighted = Object.entries(weights).flatMap(([name, weight]) => Array<string>(weight).fill(name));

function someAddresses(dice: Dice): readonly string[] {
  const v4 = dice.happens(0.75) ? addresses[0] : addresses[1];
  const v6 = addresses[2];
  return dice.pick([[v4], [v4], [v4, v6], [v6], []]);
}
