import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { stringify } from "yaml";
import { alertsPath } from "../../fixtures/dashboard.ts";
import type { KiamProcess } from "../lab/kiam.ts";
import type { Lab } from "../lab/lab.ts";
import { tools } from "../lab/tools.ts";
import { waitFor } from "../lab/wait.ts";

/** A Prometheus that scrapes processes of the lab once a second, and has the rules of deploy/prometheus. */
export interface LabPrometheus {
  /** How many lines an expression has. Throws what Prometheus says of one that it does not understand. */
  query(expression: string): Promise<number>;
  /** What became of each alert: `ok`, or why it could not be worked out, and whether it fires. */
  alerts(): Promise<readonly { readonly name: string; readonly health: string; readonly state: string }[]>;
}

const address = "10.250.0.1";
const port = 9090;

export async function startPrometheus(
  lab: Lab,
  undo: AsyncDisposableStack,
  jobs: Readonly<Record<string, readonly KiamProcess[]>>,
): Promise<LabPrometheus> {
  const directory = join(lab.directory, "prometheus");
  await mkdir(directory);
  const targetsOf = (processes: readonly KiamProcess[]) => processes.map((process) => `${process.address}:9620`);
  const config = {
    global: { scrape_interval: "1s", evaluation_interval: "1s" },
    rule_files: [alertsPath],
    scrape_configs: Object.entries(jobs).map(([name, processes]) => ({
      job_name: name,
      static_configs: [{ targets: targetsOf(processes) }],
    })),
  };
  await writeFile(join(directory, "prometheus.yml"), stringify(config));
  const process = lab.control.start("prometheus", [
    tools.prometheus("prometheus"),
    `--config.file=${join(directory, "prometheus.yml")}`,
    `--storage.tsdb.path=${join(directory, "data")}`,
    `--web.listen-address=${address}:${port}`,
  ]);
  undo.use(process);

  async function ask(path: string): Promise<unknown> {
    const response = await lab.control.fetch(`http://${address}:${port}/api/v1/${path}`);
    const { status, data, error } = JSON.parse(await response.text());
    if (status !== "success") {
      throw new Error(`${decodeURIComponent(path)}: ${error}`);
    }
    return data;
  }

  async function query(expression: string): Promise<number> {
    const data = (await ask(`query?query=${encodeURIComponent(expression)}`)) as { result: readonly unknown[] };
    return data.result.length;
  }

  const wanted = Object.values(jobs).flat().length;
  // A rate takes two samples.
  await waitFor("Prometheus to have scraped all twice", async () =>
    (await query("count_over_time(up[1m]) >= 3 and up == 1")) >= wanted ? true : undefined,
  );
  return {
    query,
    async alerts() {
      const { groups } = (await ask("rules?type=alert")) as { groups: readonly { readonly rules: readonly Rule[] }[] };
      return groups
        .flatMap(({ rules }) => rules)
        .map(({ name, health, state, lastError }) => ({ name, health: lastError ?? health, state }));
    },
  };
}

interface Rule {
  readonly name: string;
  readonly health: string;
  readonly state: string;
  readonly lastError?: string;
}
