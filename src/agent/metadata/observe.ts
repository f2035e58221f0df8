import type { CounterSeries, HistogramSeries } from "../hot-metrics.ts";
import type { AgentMetrics, HandlerName } from "../metrics.ts";

/** Counts and times answers.  */
export interface Observer {
  /** @param seconds since the request was read */
  answered(handler: HandlerName, status: number, seconds: number, source: AnswerSource): void;
}

/** Whether an answer was there at once, or had to be waited for. */
export type AnswerSource = "local" | "waited";

/** The handlers that answer from the store. */
const fromStore: ReadonlySet<HandlerName> = new Set(["roleName", "credentials"]);

type ObservedMetrics = Pick<AgentMetrics, "handlerSeconds" | "responses" | "success" | "localSeconds">;

export function createObserver(metrics: ObservedMetrics): Observer {
  const byHandler = new Map<HandlerName, HandlerSeries>();
  const local = metrics.localSeconds.series({});

  return {
    answered(handler, status, seconds, source) {
      const series = byHandler.get(handler) ?? seriesOf(handler, metrics);
      byHandler.set(handler, series);
      series.seconds.observe(seconds);
      series.responses(status).inc();
      if (status !== 200) {
        return;
      }
      series.success.inc();
      if (source === "local" && fromStore.has(handler)) {
        local.observe(seconds);
      }
    },
  };
}

interface HandlerSeries {
  readonly seconds: HistogramSeries;
  readonly success: CounterSeries;
  responses(status: number): CounterSeries;
}

function seriesOf(handler: HandlerName, metrics: ObservedMetrics): HandlerSeries {
  const byStatus = new Map<number, CounterSeries>();
  return {
    seconds: metrics.handlerSeconds.series({ handler }),
    success: metrics.success.series({ handler }),
    responses(status) {
      const series = byStatus.get(status) ?? metrics.responses.series({ handler, code: String(status) });
      byStatus.set(status, series);
      return series;
    },
  };
}
