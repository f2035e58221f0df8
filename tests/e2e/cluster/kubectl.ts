import { dirname, join } from "node:path";
import type { RunOptions } from "../lab/command.ts";
import type { Netns } from "../lab/netns.ts";
import { tools } from "../lab/tools.ts";

/** Runs kubectl, which must succeed; gives its standard output. */
export type Kubectl = (argv: readonly string[], options?: RunOptions) => Promise<string>;

/** It keeps its cache beside the kubeconfig: without a home it would be in the directory that the tests are run in. */
export function kubectlIn(netns: Netns, kubeconfig: string): Kubectl {
  const own = [`--kubeconfig=${kubeconfig}`, `--cache-dir=${join(dirname(kubeconfig), "kubectl-cache")}`];
  return (argv, options) => netns.must([tools.part("kubectl"), ...own, ...argv], options);
}
