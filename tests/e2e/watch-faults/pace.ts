import type { ProxiedRequest, ProxyRecord } from "../../fakes/api-faults/proxy.ts";

/** Timers fire up to a millisecond early, which the follower's hurried clock makes longer. */
const inexactMs = 50;

/**
 * Whatever fails, ten tries in a row take at least 600 ms: pauses are 125 ms and more. Pages follow each other at once, and so
 * does a watch the list before it; and Bun sends a request again by itself where a kept connection is lost.
 */
const tries = 24;
const triesTakeMs = 600;

/** Which requests came sooner than they should, in words. */
export function breachesOfPace(records: readonly ProxyRecord[]): readonly string[] {
  return ["pods", "namespaces"].flatMap((resource) => {
    const own = records.filter((record) => record.resource === resource);
    return [...tooSoon(own), ...tooMany(own)];
  });
}

function tooSoon(records: readonly ProxyRecord[]): readonly string[] {
  return records.flatMap((record, index) => {
    const next = records[index + 1];
    if (record.kind !== "told-to-wait" || next === undefined) {
      return [];
    }
    const waitedMs = next.atMs - record.atMs;
    return waitedMs >= record.waitMs - inexactMs
      ? []
      : [`${what(record)} was told to wait ${record.waitMs} ms and waited ${Math.round(waitedMs)}`];
  });
}

function tooMany(records: readonly ProxyRecord[]): readonly string[] {
  const asked = records.filter((record) => record.kind === "asked" && record.step !== "next-page");
  return asked.flatMap((record, index) => {
    const last = asked[index + tries];
    return last === undefined || last.atMs - record.atMs >= triesTakeMs
      ? []
      : [`${what(record)} and ${tries} more came within ${Math.round(last.atMs - record.atMs)} ms`];
  });
}

const what = ({ resource, step }: ProxiedRequest) => `${resource} ${step}`;
