import { expect, test } from "bun:test";
import { readAlerts } from "../../fixtures/dashboard.ts";
import { isNameOf, metricsIn, readMetricsTable } from "../../fixtures/metrics-table.ts";

const alerts = await readAlerts();
const rows = await readMetricsTable();

test("every metric that an alert looks at is in docs/METRICS.md", () => {
  const named = alerts.flatMap(({ alert, expr }) => metricsIn(expr).map((name) => ({ alert, name })));

  expect(named.length).toBeGreaterThan(alerts.length);
  expect(named.filter(({ name }) => !rows.some((row) => isNameOf(row, name)))).toEqual([]);
});

test("every label that an alert chooses by is one of its metric's", () => {
  const selectors = alerts.flatMap(({ expr }) => [...expr.matchAll(/(\w+)\{([^}]*)\}/g)]);

  const wrong = selectors.flatMap(([, name = "", by = ""]) => {
    const labels = rows.find((row) => isNameOf(row, name))?.labels ?? [];
    return [...by.matchAll(/(\w+)=~?"/g)]
      .filter(([, label = ""]) => !labels.includes(label))
      .map(([text]) => name + text);
  });

  expect(selectors.length).toBeGreaterThan(3);
  expect(wrong).toEqual([]);
});

test("every alert has a name of its own, says how bad it is, what is wrong and what to do", () => {
  expect(new Set(alerts.map(({ alert }) => alert)).size).toBe(alerts.length);
  for (const { alert, labels, annotations } of alerts) {
    expect(alert).toStartWith("Kiam");
    expect(["critical", "warning", "info"]).toContain(labels.severity);
    expect([alert, annotations.summary.length > 10, annotations.description.length > 20]).toEqual([alert, true, true]);
  }
});

test.each([
  ["certificates that expire", "_tls_certificate_expiry_seconds"],
  ["the watch's age", "kiam_k8s_watch_heard_timestamp_seconds"],
  ["no server in sync", "kiam_agent_feed_connected"],
  ["redirect repairs", "kiam_agent_redirect_repairs_total"],
  ["unproven agents", 'proof="unproven"'],
  ["what pods get", "kiam_metadata_responses_total"],
])("there is one for %s", (_, text) => {
  expect(alerts.some(({ expr }) => expr.includes(text))).toBe(true);
});
