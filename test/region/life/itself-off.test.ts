// A machine without work is told to power off when it boots, so it is off again after a power-on; that is not a failure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PowerResult } from '../../../src/region/life/power-life.ts';
import type { Machine } from '../../../src/region/records/machine.ts';
import { openRegion } from '../../../src/region/region.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { report, withRegion } from '../place.ts';
import { heldPower, powerEnd } from './held-power.ts';

const BOB = { username: 'bob', isAdmin: true, comment: '' };
const STILL_OFF = 'yes, but after 20 s: it is still off';

interface Switched {
  readonly state: 'ready' | 'new';
  readonly task: 'on' | 'off' | 'cycle';
  readonly kind: PowerResult['kind'];
  /** When it starts from the network. */
  readonly starts: 'before' | 'told late' | 'after' | 'never';
}

/** The event of the outcome, and the remaining power state. */
interface Ended {
  readonly type: string;
  readonly text: string;
  readonly state: Machine['powerState'];
}

async function switchOnce({ state, task, kind, starts }: Switched): Promise<Ended> {
  let ended: Ended = { type: '', text: '', state: 'unknown' };
  await withRegion(async ({ region: first, store, config, clock }) => {
    first.close();
    const region = await openRegion({ config, store, clock, power: heldPower(), onDesiredState: () => undefined });
    const outcome = await region.enlist(report([0x525400000001]));
    assert.ok(outcome.kind === 'create');
    const { systemId } = outcome.machine;
    if (state === 'ready') await region.life.command(systemId, { name: 'accept', skipsCommissioning: true }, BOB);
    let sequence = 0;
    const start = async (at = clock.wallTimeMs()): Promise<void> => {
      sequence += 1;
      const said = { text: 'Was told to power off', params: { purpose: 'poweroff' } };
      await region.observe([{ sequence, kind: 'http.rendered', at, mac: '52:54:00:00:00:01', ...said }]);
    };
    if (starts === 'before') await start();
    await region.life.switchPower(systemId, task, BOB);
    if (starts === 'after') await start();
    if (starts === 'told late') await start(clock.wallTimeMs() - 20);
    await clock.pass(25_000);
    await region.life.powerSwitched(systemId, powerEnd(await store.findMachine(systemId), kind, STILL_OFF));
    const [event] = await store.listEvents({ machines: { systemIds: [systemId] }, limit: 1 });
    const found = await store.findMachine(systemId);
    ended = { type: event?.type ?? '', text: sentenceOf(event), state: found?.powerState ?? 'unknown' };
  });
  return ended;
}

const AGAIN = 'it was switched off and on, then powered off again: it is Ready, with nothing to do';
const DOUBT = `it may have been switched off and on: ${STILL_OFF}`;
const CASES: readonly (readonly [string, Switched, string, string])[] = [
  [
    'off again after it started',
    { state: 'ready', task: 'cycle', kind: 'unknown', starts: 'after' },
    'NODE_POWERED_ON',
    AGAIN,
  ],
  ['never seen', { state: 'ready', task: 'cycle', kind: 'unknown', starts: 'never' }, 'NODE_POWER_ON_FAILED', DOUBT],
  [
    'seen only before',
    { state: 'ready', task: 'cycle', kind: 'unknown', starts: 'before' },
    'NODE_POWER_ON_FAILED',
    DOUBT,
  ],
  [
    'reported late, for an earlier start',
    { state: 'ready', task: 'cycle', kind: 'unknown', starts: 'told late' },
    'NODE_POWER_ON_FAILED',
    DOUBT,
  ],
  [
    'refused',
    { state: 'ready', task: 'cycle', kind: 'refused', starts: 'after' },
    'NODE_POWER_ON_FAILED',
    `power cycle failed: ${STILL_OFF}`,
  ],
  [
    'with something to do',
    { state: 'new', task: 'cycle', kind: 'unknown', starts: 'after' },
    'NODE_POWER_ON_FAILED',
    DOUBT,
  ],
  [
    'switched off',
    { state: 'ready', task: 'off', kind: 'unknown', starts: 'after' },
    'NODE_POWER_OFF_FAILED',
    `it may have been switched off: ${STILL_OFF}`,
  ],
];

for (const [what, switched, type, text] of CASES)
  test(`the outcome for a machine that is ${what}`, async () => {
    const ended = await switchOnce(switched);
    assert.deepEqual([ended.type, ended.text], [type, text]);
    if (text === AGAIN) assert.equal(ended.state, 'off');
  });
