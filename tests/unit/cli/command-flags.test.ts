import { describe, expect, test } from "bun:test";
import { agentContradiction, agentFlags, redirectInterface } from "../../../src/cli/agent-flags.ts";
import { certsContradiction, certsFlags } from "../../../src/cli/certs-flags.ts";
import { commands } from "../../../src/cli/commands.ts";
import { type FlagTable, type FlagValues, spellings } from "../../../src/cli/flag-table.ts";
import { parseFlags } from "../../../src/cli/flags.ts";
import { serverContradiction, serverFlags } from "../../../src/cli/server-flags.ts";

const keys = ["--cert=c", "--key=k", "--ca=a"];
const base = "--role-base-arn=arn:aws:iam::123456789012:role/";

function parse<Table extends FlagTable>(table: Table, argv: readonly string[], env = {}): FlagValues<Table> {
  const parsed = parseFlags(table, { argv, env, fileProblem: () => undefined });
  if (parsed.kind !== "values") {
    throw new Error(JSON.stringify(parsed));
  }
  return parsed.values;
}

describe.each([...commands])("%s", (_name, { flags }) => {
  test("no spelling stands for two flags", () => {
    const all = Object.values(flags).flatMap((flag) => [...spellings(flag), `--no-${flag.name}`]);

    expect(new Set(all).size).toBe(all.length);
  });

  test("every default is of its flag's kind, and no flag is both required and defaulted", () => {
    for (const flag of Object.values(flags)) {
      const isBroken = flag.default !== undefined && flag.kind.parse(flag.default) === undefined;
      const isBoth = flag.default !== undefined && flag.required === true;

      expect([flag.name, isBroken, isBoth]).toEqual([flag.name, false, false]);
    }
  });

  test("descriptions are one sentence without its full stop", () => {
    for (const { name, description } of Object.values(flags)) {
      expect([name, description]).toEqual([name, expect.stringMatching(/^[A-Z/].*[^.]$/)]);
    }
  });
});

describe("agent", () => {
  test("the Go release's arguments are taken", async () => {
    const flags = parse(
      agentFlags,
      [...keys, "--iptables", "--host=10.0.0.1", "--host-interface=cali+", "--json-log", "--port=8181"].concat(
        "--server-address=kiam-server:443",
        "--prometheus-listen-addr=0.0.0.0:9620",
        "--no-iptables-remove",
        "--level=warn",
      ),
    );

    expect(flags).toMatchObject({
      iptables: { kind: "on" },
      iptablesRemove: false,
      hosts: ["10.0.0.1"] as unknown as typeof flags.hosts,
      serverAddress: { host: "kiam-server", port: 443 },
      telemetryAddress: { host: "0.0.0.0", port: 9620 },
      level: "warn",
    });
    expect(await agentContradiction(flags)).toBeUndefined();
  });

  test("a redirect needs an address to go to", async () => {
    const problems = await Promise.all(
      [["--iptables"], ["--iptables=cali+"], ["--iptables=false"], []].map((argv) =>
        agentContradiction(parse(agentFlags, [...keys, ...argv])),
      ),
    );

    expect(problems).toEqual([
      "--iptables needs --host (or HOST_IP), the address that requests are redirected to",
      "--iptables needs --host (or HOST_IP), the address that requests are redirected to",
      undefined,
      undefined,
    ]);
  });

  test("HOST_IP is such an address, and NODE_NAME the node's name", async () => {
    const flags = parse(agentFlags, [...keys, "--iptables"], { HOST_IP: "10.0.0.1", NODE_NAME: "node-1" });

    expect(await agentContradiction(flags)).toBeUndefined();
    expect(flags.nodeName).toBe("node-1");
  });

  test.each([
    ["^$", undefined],
    ["/latest/*", undefined],
    ["(/latest/meta-data/placement/availability-zone|/latest/dynamic/instance-identity/document)", undefined],
    ["^\\/latest\\/meta-data\\/(spot\\/instance-action|instance-(id|type))$", undefined],
    ["(", "--allow-route-regexp must be an RE2 pattern: error parsing regexp: missing closing ): `(`"],
    [
      "(?=x)",
      "--allow-route-regexp must be an RE2 pattern: error parsing regexp: invalid or unsupported Perl syntax: `(?=`",
    ],
  ])("--allow-route-regexp=%s: %p", async (pattern, expected) => {
    const flags = parse(agentFlags, [...keys, `--allow-route-regexp=${pattern}`]);

    expect(await agentContradiction(flags)).toBe(expected);
  });

  test("the interface comes from --iptables, else from --host-interface", () => {
    const interfaces = [[], ["--iptables"], ["--iptables=cali+"]].map((argv) =>
      redirectInterface(parse(agentFlags, [...keys, "--host-interface=!eth0", ...argv])),
    );

    expect(interfaces).toEqual([undefined, "!eth0", "cali+"]);
  });
});

describe("server", () => {
  const server = (...argv: string[]) => parse(serverFlags, [...keys, base, ...argv]);

  test("credentials live an hour and are renewed as the hour asks unless said otherwise", () => {
    const flags = server();

    expect(flags.sessionDurationMs).toBe(3_600_000);
    expect(flags.sessionRefreshMs).toBeUndefined();
    expect(serverContradiction(flags)).toBeUndefined();
  });

  test.each([
    ["14m59s", "--session-duration must be from 15m to 12h"],
    ["15m", undefined],
    ["12h", undefined],
    ["12h1s", "--session-duration must be from 15m to 12h"],
  ])("a session of %s: %p", (duration, expected) => {
    const problem = serverContradiction(server("--session-duration", duration));

    expect(problem).toBe(expected);
  });

  test.each([
    ["15m", "--session-refresh must be shorter than --session-duration"],
    ["16m", "--session-refresh must be shorter than --session-duration"],
    ["880s", undefined],
  ])("sessions of 15m renewed %s ahead: %p", (refresh, expected) => {
    const problem = serverContradiction(server("--session-duration=15m", "--session-refresh", refresh));

    expect(problem).toBe(expected);
  });

  test("without a base for role ARNs, and told to find none, it doesn't start", () => {
    const problem = serverContradiction(parse(serverFlags, keys));

    expect(problem).toBe("--role-base-arn or --role-base-arn-autodetect is required");
  });

  test("--sts-region is --region, and service accounts add up", () => {
    const flags = server("--sts-region", "eu-west-1", "--agent-service-account=a/b", "--agent-service-account=c/d");

    expect(flags.region).toBe("eu-west-1");
    expect(flags.agentServiceAccounts).toEqual([
      { namespace: "a", name: "b" },
      { namespace: "c", name: "d" },
    ]);
  });
});

describe("certs", () => {
  test.each([
    [["--out=d"], undefined],
    [["--secrets"], undefined],
    [[], "say where to: --out for a directory of PEM files, or --secrets for manifests on standard output"],
    [["--out=d", "--ca-cert=c"], "--ca-cert and --ca-key go together"],
    [["--out=d", "--ca-key=k"], "--ca-cert and --ca-key go together"],
    [["--out=d", "--ca-key=k", "--ca-cert=c"], undefined],
  ])("%j: %p", (argv, expected) => {
    const problem = certsContradiction(parse(certsFlags, argv));

    expect(problem).toBe(expected);
  });
});
