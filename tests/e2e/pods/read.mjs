// Reads a URL at a steady rate, each time on a connection of its own, as an SDK that has just started does.
// argv: URL, reads a second.
import { ask, outcomeOf, readSteadily } from "./read-steadily.mjs";

const [url, perSecond] = [process.argv[2], Number(process.argv[3])];
const timeoutMs = 5000;

readSteadily(perSecond, async () => outcomeOf(await ask(url, {}, timeoutMs)));
