// The ids of the events that a stream of the region brings.

/** @param answer to `op=follow` */
export async function* eventIds(answer: Response): AsyncGenerator<number, void> {
  for await (const place of eventPlaces(answer)) yield Number(place.split('-')[1]);
}

/** The places in the log after each event, as a reader names them to go on there. @param answer to `op=follow` */
export async function* eventPlaces(answer: Response): AsyncGenerator<string, void> {
  let rest = '';
  let place = '';
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('id: ')) place = line.slice('id: '.length);
      if (line === 'event: event') yield place;
    }
  }
}
