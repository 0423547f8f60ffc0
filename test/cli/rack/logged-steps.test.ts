// The steps that the region's log adds to a machine's timeline, with their headings.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatHeading, loggedSteps } from '../../../src/cli/rack/logged-steps.ts';

const at = (second: number): string => `2026-01-02T03:04:${String(second).padStart(2, '0')}.000Z`;
const logged = (second: number, rack: string, description: string) => ({
  level: 'DEBUG',
  time: at(second),
  kind: 'dhcp.ack',
  rack,
  description,
});

test('steps of the machine from after the start are not said to be from before it: another card of it was heard', () => {
  const events = [
    logged(40, 'rack-1', 'in the timeline, too'),
    logged(27, 'rack-2', 'by another rack'),
    logged(25, 'rack-1', 'by its other card'),
    logged(1, 'rack-1', 'by the rack before'),
  ];
  const steps = loggedSteps(events, 'rack-1', Date.parse(at(35)), Date.parse(at(2)));
  assert.deepEqual(
    steps.map((step) => [formatHeading(step, false), step.text]),
    [
      ['before the rack started', 'by the rack before'],
      ["from the region's log of the machine", 'by its other card'],
      ['reported by rack rack-2', 'by another rack'],
    ],
  );
});
