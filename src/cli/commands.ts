import { agentContradiction, agentFlags } from "./agent-flags.ts";
import { certsContradiction, certsFlags } from "./certs-flags.ts";
import { type Command, command } from "./command.ts";
import { logFlags } from "./common-flags.ts";
import { devFlags } from "./dev-flags.ts";
import { healthFlags } from "./health-flags.ts";
import { permittedFlags } from "./permitted-flags.ts";
import { serverContradiction, serverFlags } from "./server-flags.ts";

const completion: Command = {
  summary: "Print a script that has bash, zsh or fish complete kiam's commands and flags",
  flags: {},
  run: async (_name, argv, io) => (await import("./completion.ts")).runCompletion(argv, commands, io),
};

/** Every subcommand, by name. */
export const commands: ReadonlyMap<string, Command> = new Map([
  [
    "agent",
    command({
      summary: "Answer the metadata requests of a node's pods with their own roles' credentials",
      flags: agentFlags,
      contradiction: agentContradiction,
      load: async () => (await import("./agent.ts")).runAgent,
    }),
  ],
  [
    "server",
    command({
      summary: "Watch pods and namespaces, get credentials from STS and push them to the agents",
      flags: serverFlags,
      contradiction: serverContradiction,
      load: async () => (await import("./server.ts")).runServer,
    }),
  ],
  [
    "health",
    command({
      summary: "Ask a server whether it is well",
      flags: healthFlags,
      load: async () => (await import("./health.ts")).runHealth,
    }),
  ],
  [
    "certs",
    command({
      summary: "Make the certificates for mutual TLS between servers and agents",
      flags: certsFlags,
      contradiction: certsContradiction,
      load: async () => (await import("./certs.ts")).runCerts,
    }),
  ],
  [
    "dev",
    command({
      summary: "Run a server and an agent on this machine, with pods from YAML instead of a cluster",
      flags: devFlags,
      load: async () => (await import("./dev.ts")).runDev,
    }),
  ],
  [
    "permitted",
    command({
      summary: "List the namespaces whose patterns say something else than they did to the Go releases",
      flags: permittedFlags,
      load: async () => (await import("./permitted.ts")).runPermitted,
    }),
  ],
  ["completion", completion],
  [
    "version",
    command({
      summary: "Print the version, the commit and Bun's version",
      flags: logFlags,
      load: async () => (await import("./version.ts")).runVersion,
    }),
  ],
]);
