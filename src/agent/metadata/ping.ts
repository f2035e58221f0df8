import { type Answer, textAnswer } from "./answer.ts";

const pong = textAnswer("pong");

export function ping(): Answer {
  return pong;
}
