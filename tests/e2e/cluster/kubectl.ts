import type { RunOptions } from "../lab/command.ts";
import type { Netns } from "../lab/netns.ts";
import { tools } from "../lab/tools.ts";

/** Runs kubectl, which must succeed; gives its standard output. */
export type Kubectl = (argv: readonly string[], options?: RunOptions) => Promise<string>;

export function kubectlIn(netns: Netns, kubeconfig: string): Kubectl {
  return (argv, options) => netns.must([tools.part("kubectl"), `--kubeconfig=${kubeconfig}`, ...argv], options);
}
