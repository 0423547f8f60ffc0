// The driver for machines that a person switches: it does nothing and knows nothing.

import { z } from 'zod';
import { defineDriver } from './driver.ts';
import { outcome } from './outcome.ts';

const by = (what: string) => async () =>
  outcome('unknown', `a person must ${what}: Rackboot does not switch this machine`);

/** The driver `manual`. */
export const manual = defineDriver({
  name: 'manual',
  byHand: true,
  parameters: z.strictObject({}),
  connect: ({ machine }) => ({
    controller: `manual ${machine}`,
    on: by('switch it on'),
    off: (manner) => by(manner === 'soft' ? 'shut it down' : 'switch it off')(),
    query: by('check whether it is on'),
  }),
});
