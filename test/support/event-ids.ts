// The ids of the events that a stream of the region brings.

/** @param answer to `op=follow` */
export async function* eventIds(answer: Response): AsyncGenerator<number, void> {
  let rest = '';
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) if (line.startsWith('id: ')) yield Number(line.slice('id: '.length));
  }
}
