// The driver for machines that a person switches: it does nothing and knows nothing.

import { z } from 'zod';
import type { PowerDetailParams } from './detail.ts';
import { defineDriver } from './driver.ts';
import { outcome } from './outcome.ts';

const requirePerson = (act: PowerDetailParams['person-must']['act']) => async () =>
  outcome('unknown', { code: 'person-must', params: { act } });

/** The driver `manual`. */
export const manual = defineDriver({
  name: 'manual',
  switches: 'nothing',
  parameters: z.strictObject({}),
  connect: ({ machine }) => ({
    controller: `manual ${machine}`,
    on: requirePerson('on'),
    off: (manner) => requirePerson(manner === 'soft' ? 'soft-off' : 'off')(),
    query: requirePerson('query'),
  }),
});
