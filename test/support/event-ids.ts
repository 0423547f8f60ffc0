// The ids of the events that a stream of the region brings.

/** The id of the event before a place in the log. */
export const idOf = (place: string): number => Number(place.split('-')[1]);

/** @param answer to `op=follow` */
export async function* eventIds(answer: Response): AsyncGenerator<number, void> {
  for await (const place of eventPlaces(answer)) yield idOf(place);
}

/** The places in the log after each event, as a reader names them to continue there. @param answer to `op=follow` */
export async function* eventPlaces(answer: Response): AsyncGenerator<string, void> {
  let rest = '';
  let place = '';
  let kind = '';
  for await (const piece of answer.body?.pipeThrough(new TextDecoderStream()) ?? []) {
    const lines = (rest + piece).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) {
      if (line.startsWith('id: ')) place = line.slice('id: '.length);
      if (line.startsWith('event: ')) kind = line.slice('event: '.length);
      if (line !== '') continue;
      // A message counts only once it is whole (HTML Living Standard §9.2.6).
      if (kind === 'event') yield place;
      kind = '';
    }
  }
}
