import { expect, test } from "bun:test";
import { readDashboard } from "../../fixtures/dashboard.ts";
import { isNameOf, metricsIn, readMetricsTable } from "../../fixtures/metrics-table.ts";

const { panels, templating } = await readDashboard();
const charts = panels.filter(({ type }) => type !== "row");
const targets = charts.flatMap((panel) => panel.targets ?? []);
const named = targets.flatMap(({ expr }) => metricsIn(expr));
const rows = await readMetricsTable();

test("every metric that a panel asks for is in docs/METRICS.md", () => {
  expect(named.filter((name) => !rows.some((row) => isNameOf(row, name)))).toEqual([]);
});

test("every metric of kiam and of gRPC is on a panel", () => {
  const missing = rows.filter((row) => /^(kiam|grpc)_/.test(row.name) && !named.some((name) => isNameOf(row, name)));

  expect(missing.map(({ name }) => name)).toEqual([]);
});

test("panels have ids of their own, a title, something to ask, and the data source that is chosen above", () => {
  const chosen = "$" + "{datasource}";

  expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
  expect(panels.filter(({ title }) => title === "")).toEqual([]);
  expect(charts.filter((chart) => (chart.targets ?? []).length === 0)).toEqual([]);
  expect([...charts, ...targets].filter(({ datasource }) => datasource?.uid !== chosen)).toEqual([]);
  expect(templating.list.map(({ name, type, query }) => [name, type, query])).toEqual([
    ["datasource", "datasource", "prometheus"],
  ]);
});

test("no panel lies on another, or beyond the edge", () => {
  const places = panels.map(({ gridPos }) => gridPos);
  const areApart = (one: (typeof places)[number], other: (typeof places)[number]) =>
    one.x + one.w <= other.x || other.x + other.w <= one.x || one.y + one.h <= other.y || other.y + other.h <= one.y;

  const clashes = places.flatMap((one, index) => places.slice(index + 1).filter((other) => !areApart(one, other)));

  expect(clashes).toEqual([]);
  expect(places.filter(({ x, w }) => x + w > 24)).toEqual([]);
});
