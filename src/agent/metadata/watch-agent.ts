import { connect } from "node:net";
import type { Clock } from "../../runtime/clock.ts";

/** Where an agent listens. */
export interface Place {
  readonly host: string;
  readonly port: number;
}

/** `none`: no agent answers there. `left`: one has let go of the connection. `stays`: it has not for some seconds. */
export type AgentSeen = "none" | "left" | "stays";

/** Looks who listens there. Rejects with the signal's reason. */
export type WatchAgent = (place: Place, signal: AbortSignal) => Promise<AgentSeen>;

const answerWithinMs = 5_000;

/** Shorter than an agent keeps a connection on which nothing is asked. */
const watchMs = 2_000;

const question = "GET /ping HTTP/1.1\r\nHost: 169.254.169.254\r\n\r\n";

/** Agents say who they are; other listeners are none of ours. `undefined` before the answer's headers are all there. */
function isAnswerOfAgent(answer: string): boolean | undefined {
  return answer.includes("\r\n\r\n") ? /^HTTP\/1\.1 200 /.test(answer) && /^Server: kiam\r$/im.test(answer) : undefined;
}

const longestAnswer = 4_096;

/** Watches an agent by a connection to it, which it closes as soon as it stops listening. */
export function createWatchAgent(clock: Pick<Clock, "after">): WatchAgent {
  return async ({ host, port }, signal) => {
    signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<AgentSeen>();
    using timers = new DisposableStack();
    const answering = timers.use(clock.after(answerWithinMs, () => resolve("none")));
    let heard = "";
    let isAgent = false;
    const socket = connect(port, host, () => socket.write(question));
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      heard = `${heard}${text}`.slice(0, longestAnswer);
      switch (isAgent ? undefined : isAnswerOfAgent(heard)) {
        case true:
          isAgent = true;
          answering[Symbol.dispose]();
          timers.use(clock.after(watchMs, () => resolve("stays")));
          break;
        case false:
          resolve("none");
          break;
        default:
          break;
      }
    });
    socket.on("error", () => socket.destroy());
    socket.on("close", () => resolve(isAgent ? "left" : "none"));
    const onAbort = () => reject(signal.reason);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      return await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
      socket.destroy();
    }
  };
}
