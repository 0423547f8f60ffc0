// Reports what happens to a lab's machines, from the region's event log, while the lab runs.

import { z } from 'zod';
import { followEvents } from '../control/event-follow.ts';
import { errorText } from '../ground/errors.ts';
import { eventWords } from './lab-words.ts';
import type { Narrator } from './narrator.ts';

const EVENTS_PATH = '/MAAS/api/2.0/events/?op=follow&level=DEBUG';

const eventShape = z.looseObject({
  type: z.string(),
  level: z.string(),
  hostname: z.string(),
  description: z.string(),
});

/**
 * Reports events until `signal` is aborted. @param stateDir the state directory of the rack with
 * the region @param onState called with the text for each event of a machine
 */
export async function reportEvents(
  stateDir: string,
  narrator: Narrator,
  signal: AbortSignal,
  onState: (hostname: string, words: string) => void = () => undefined,
): Promise<void> {
  await followEvents({
    stateDir,
    // Start with the first event: the region is new, and its first event may come before the stream
    // opens.
    path: (last = '0') => `${EVENTS_PATH}&after=${last}`,
    after: undefined,
    onEvent: ({ event: kind, data }) => {
      if (kind === 'gap') return;
      const event = eventShape.parse(JSON.parse(data));
      const words = eventWords(event);
      if (words !== undefined) {
        narrator.tell('region', `${event.hostname} ${words}`);
        onState(event.hostname, words);
      }
    },
    onInterruption: () => undefined,
    signal,
  }).catch((error: unknown) => narrator.tell('problem', errorText(error)));
}
