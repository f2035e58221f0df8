import type { Registry } from "prom-client";

/** What a metric stands at: the sum of its lines that carry the labels. */
export async function metricOf(
  registry: Registry,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const metric = await registry.getSingleMetric(name)?.get();
  if (metric === undefined) {
    throw new Error(`there is no metric ${name}`);
  }
  return metric.values
    .filter((line) => Object.entries(labels).every(([label, value]) => Object(line.labels)[label] === value))
    .reduce((sum, { value }) => sum + value, 0);
}
