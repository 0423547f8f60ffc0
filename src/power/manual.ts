// The driver for machines that a person switches: it does nothing and knows nothing.

import { z } from 'zod';
import type { PowerDriver, PowerPort } from './driver.ts';
import { outcome } from './outcome.ts';
import { checkParameters, listParameters } from './parameters.ts';

const schema = z.strictObject({});

const by = (what: string) => async () =>
  outcome('unknown', `a person must ${what}: Rackboot does not switch this machine`);

/** The driver `manual`. */
export const manual: PowerDriver = {
  name: 'manual',
  label: 'Manual',
  byHand: true,
  parameters: listParameters(schema),
  open(machine, values) {
    const checked = checkParameters(schema, values);
    if (checked.kind === 'bad') return { kind: 'bad-parameters', problems: checked.problems };
    const port: PowerPort = {
      controller: `manual ${machine}`,
      on: by('switch it on'),
      off: (manner) => by(manner === 'soft' ? 'shut it down' : 'switch it off')(),
      query: by('check whether it is on'),
    };
    return { kind: 'open', port };
  },
};
