import { expect, test } from "bun:test";
import { Registry } from "prom-client";
import { HotCounter, HotHistogram } from "../../../src/agent/hot-metrics.ts";

function aHistogram(registry = new Registry()) {
  return new HotHistogram({
    name: "took_seconds",
    help: "How long it took",
    labelNames: ["handler"],
    buckets: [0.1, 1],
    registers: [registry],
  });
}

test("a histogram is written as prom-client writes it, a bound belonging to its bucket", async () => {
  const registry = new Registry();
  const series = aHistogram(registry).series({ handler: "ping" });

  for (const seconds of [0.1, 0.5, 1, 5]) {
    series.observe(seconds);
  }

  expect(await registry.metrics()).toBe(
    [
      "# HELP took_seconds How long it took",
      "# TYPE took_seconds histogram",
      'took_seconds_bucket{le="0.1",handler="ping"} 1',
      'took_seconds_bucket{le="1",handler="ping"} 3',
      'took_seconds_bucket{le="+Inf",handler="ping"} 4',
      'took_seconds_sum{handler="ping"} 6.6',
      'took_seconds_count{handler="ping"} 4',
      "",
    ].join("\n"),
  );
});

test("a series that two parts ask for is one", async () => {
  const histogram = aHistogram();

  histogram.series({ handler: "ping" }).observe(1);
  histogram.series({ handler: "ping" }).observe(1);
  histogram.series({ handler: "health" }).observe(1);
  const { values } = await histogram.get();

  expect(values.filter(({ metricName }) => metricName === "took_seconds_count")).toEqual([
    { metricName: "took_seconds_count", labels: { handler: "ping" }, value: 2 },
    { metricName: "took_seconds_count", labels: { handler: "health" }, value: 1 },
  ] as typeof values);
});

test("a counter counts between readings and across them", async () => {
  const counter = new HotCounter({ name: "answers_total", help: "Answers", labelNames: ["code"], registers: [] });
  const [one, same] = [counter.series({ code: "200" }), counter.series({ code: "200" })];

  one.inc();
  same.inc();
  const first = (await counter.get()).values[0]?.value;
  one.inc();
  const second = (await counter.get()).values[0]?.value;

  expect(first).toBe(2);
  expect(second).toBe(3);
});
