import {
  Counter,
  type CounterConfiguration,
  Histogram,
  type HistogramConfiguration,
  type LabelValues,
} from "prom-client";

/** One line of a counter. */
export interface CounterSeries {
  inc(): void;
}

/** One line of a histogram. */
export interface HistogramSeries {
  observe(value: number): void;
}

/**
 * A counter for the path that every request takes: prom-client works out its labels' hash at each increment, 0.3 µs of a
 * request's 13; a series only counts, and is added up when metrics are read. Keep series: making one costs more than using it.
 */
export class HotCounter<Label extends string> extends Counter<Label> {
  readonly #pending = new Map<string, { readonly labels: LabelValues<Label>; count: number }>();

  constructor(configuration: CounterConfiguration<Label>) {
    super({ ...configuration, collect: () => this.#addUp() });
  }

  series(labels: LabelValues<Label>): CounterSeries {
    const pending = this.#pending.get(keyOf(labels)) ?? { labels, count: 0 };
    this.#pending.set(keyOf(labels), pending);
    return {
      inc: () => {
        pending.count += 1;
      },
    };
  }

  #addUp(): void {
    for (const pending of this.#pending.values()) {
      this.inc(pending.labels, pending.count);
      pending.count = 0;
    }
  }
}

interface Tally {
  readonly labels: LabelValues<string>;
  /** One for each bucket, and one for what is above the last. */
  readonly counts: number[];
  sum: number;
}

/** A histogram for the same path: prom-client's costs 0.5 µs an observation. It takes observations by its series only. */
export class HotHistogram<Label extends string> extends Histogram<Label> {
  readonly #bounds: readonly number[];
  readonly #tallies = new Map<string, Tally>();
  readonly #name: string;
  readonly #help: string;

  constructor(configuration: HistogramConfiguration<Label> & { readonly buckets: number[] }) {
    super(configuration);
    this.#bounds = configuration.buckets;
    this.#name = configuration.name;
    this.#help = configuration.help;
  }

  series(labels: LabelValues<Label>): HistogramSeries {
    const bounds = this.#bounds;
    const tally = this.#tallies.get(keyOf(labels)) ?? emptyTally(labels, bounds.length + 1);
    this.#tallies.set(keyOf(labels), tally);
    return {
      observe(value) {
        let bucket = 0;
        while (value > (bounds[bucket] ?? Number.POSITIVE_INFINITY)) {
          bucket += 1;
        }
        tally.counts[bucket] = (tally.counts[bucket] ?? 0) + 1;
        tally.sum += value;
      },
    };
  }

  /** What a registry, and `get`, read a histogram by; not in prom-client's types. */
  async getForPromString() {
    const values = [...this.#tallies.values()].flatMap((tally) => this.#lines(tally));
    return { name: this.#name, help: this.#help, type: "histogram", aggregator: "sum", values };
  }

  #lines({ labels, counts, sum }: Tally) {
    let total = 0;
    const line = (suffix: string, value: number, own: LabelValues<string> = {}) => ({
      metricName: `${this.#name}_${suffix}`,
      labels: own,
      sharedLabels: labels,
      value,
    });
    const buckets = counts.map((count, index) => {
      total += count;
      return line("bucket", total, { le: this.#bounds[index] ?? "+Inf" });
    });
    return [...buckets, line("sum", sum), line("count", total)];
  }
}

function emptyTally(labels: LabelValues<string>, buckets: number): Tally {
  return { labels, counts: Array.from({ length: buckets }, () => 0), sum: 0 };
}

function keyOf(labels: LabelValues<string>): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
