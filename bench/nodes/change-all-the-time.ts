import type { SyntheticCluster } from "./cluster.ts";
import { nodes } from "./stage.ts";

const everyMs = 20;
/** Has no divisor in common with the number of nodes: each comes once before any comes again. */
const stride = 7;

/** Changes a pod of one node after the other until it is disposed. */
export function changeAllTheTime(cluster: SyntheticCluster): AsyncDisposable {
  let isOver = false;

  async function change(): Promise<void> {
    for (let turn = 0; !isOver; turn += 1) {
      await cluster.change([(turn * stride) % nodes]);
      await Bun.sleep(everyMs);
    }
  }

  const changing = change();
  return {
    async [Symbol.asyncDispose]() {
      isOver = true;
      await changing;
    },
  };
}
