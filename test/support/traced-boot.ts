// The timeline of a real firmware's first boot must show one whole boot, in order, and no hint of a fault.

import assert from 'node:assert/strict';
import { z } from 'zod';
import { askDaemon } from '../../src/control/ask-daemon.ts';

const traceShape = z.looseObject({
  steps: z.array(
    z.looseObject({
      boot: z.number(),
      kind: z.string(),
      text: z.string(),
      fields: z.looseObject({
        file: z.string().optional(),
        purpose: z.string().optional(),
        status: z.unknown().optional(),
      }),
    }),
  ),
});
type Step = z.infer<typeof traceShape>['steps'][number];

const sent = (step: Step, file: RegExp): boolean =>
  /^(?:tftp\.sent|http\.file-sent)$/.test(step.kind) && file.test(step.fields.file ?? '');

/** The stations of a first boot. */
const stationsWith = (taken: AddressTaken): readonly (readonly [string, (step: Step) => boolean])[] => [
  ['an offer', ({ kind }) => kind === 'dhcp.offer'],
  ['an address', ({ kind }) => kind === taken],
  ['a configuration that enlists', ({ fields }) => fields.purpose === 'enlist'],
  ['the kernel', (step) => sent(step, /\/linux$/)],
  ['the initrd', (step) => sent(step, /\/initrd(?:\.gz)?$/)],
  ['the address of the system that runs', ({ kind }) => kind === taken],
  ['the report', ({ kind, fields }) => kind === 'http.posted' && fields.status === 200],
];

/** From this rack, or from another DHCP server. */
type AddressTaken = 'dhcp.ack' | 'dhcp.elsewhere';

/** Checks the trace of a machine that has booted once, and was enlisted by it. */
export async function checkTrace(stateDir: string, mac: string, taken: AddressTaken = 'dhcp.ack'): Promise<void> {
  const { steps } = traceShape.parse(await askDaemon(stateDir, `/trace?machine=${mac}`));
  const reported = steps.map(({ boot, kind, text }) => `${boot} ${kind}: ${text}`).join('\n');
  let from = 0;
  for (const [name, isThere] of stationsWith(taken)) {
    const at = steps.findIndex((step, index) => index >= from && isThere(step));
    assert.notEqual(at, -1, `${name}, in its place:\n${reported}`);
    from = at + 1;
  }
  assert.ok(
    steps.every(({ boot }) => boot === 1),
    `it is one boot:\n${reported}`,
  );
  // A busy host may well be late to hear the first DISCOVER.
  const hints = steps.filter(({ kind, fields }) => kind === 'boot.hint' && fields.hint !== 'asked-before-heard');
  assert.equal(hints.length, 0, `nothing is wrong with it:\n${reported}`);
}
