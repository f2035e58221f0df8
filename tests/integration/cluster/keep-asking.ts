/** Asks again and again, one after the other, until told to stop; then answers all answers. Rejects where one failed. */
export function keepAsking<Answer>(ask: () => Promise<Answer>): () => Promise<readonly Answer[]> {
  const answers: Answer[] = [];
  let isOver = false;
  const asking = (async () => {
    while (!isOver) {
      answers.push(await ask());
    }
  })();
  asking.catch(() => undefined); // Told where it is awaited.
  return async () => {
    isOver = true;
    await asking;
    return answers;
  };
}
