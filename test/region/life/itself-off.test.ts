// A machine without work is told to power off when it boots, so it is off again after a power-on; that is not a failure.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { PowerResult } from '../../../src/region/life/power-life.ts';
import { sentenceOf } from '../../support/sentences.ts';
import { BOB, LiveMachine, withDeployments } from './live-machine.ts';

const STILL_OFF = 'yes, but after 20 s: it is still off';
const AGAIN = 'switched off and on, then powered off again: it is Ready, with nothing to do';
const DOUBT = `perhaps switched off and on: ${STILL_OFF}`;

interface Case {
  readonly state?: 'new';
  readonly task?: 'off';
  readonly kind?: PowerResult['kind'];
  /** When it starts from the network. */
  readonly starts?: 'before' | 'told late' | 'never';
  readonly type?: 'NODE_POWERED_ON' | 'NODE_POWER_OFF_FAILED';
  readonly text: string;
}

/** By default a Ready machine is switched off and on, which ends uncertain and is logged as failed, and it starts after the command. */
const CASES: Readonly<Record<string, Case>> = {
  'off again after it started': { type: 'NODE_POWERED_ON', text: AGAIN },
  'never seen': { starts: 'never', text: DOUBT },
  'seen only before': { starts: 'before', text: DOUBT },
  'reported late, for an earlier start': { starts: 'told late', text: DOUBT },
  refused: { kind: 'refused', text: `power cycle failed: ${STILL_OFF}` },
  'with something to do': { state: 'new', text: DOUBT },
  'switched off': { task: 'off', type: 'NODE_POWER_OFF_FAILED', text: `perhaps switched off: ${STILL_OFF}` },
};

for (const [what, { state, task = 'cycle', kind = 'unknown', starts, type, text }] of Object.entries(CASES))
  test(`the outcome for a machine that is ${what}`, () =>
    withDeployments(async (place) => {
      const { region, store, clock } = place;
      const machine = state === 'new' ? await LiveMachine.enlist(place) : await LiveMachine.ready(place);
      const start = (earlierMs = 0): Promise<void> =>
        machine.see(
          'http.rendered',
          'Loaded its configuration to power off',
          { purpose: 'poweroff' },
          clock.wallTimeMs() - earlierMs,
        );
      if (starts === 'before') await start();
      await region.life.switchPower(machine.systemId, task, BOB);
      if (starts === undefined) await start();
      if (starts === 'told late') await start(20);
      await clock.pass(25_000);
      await machine.switched(kind, STILL_OFF);
      const [event] = await store.listEvents({ machines: { systemIds: [machine.systemId] }, limit: 1 });
      assert.deepEqual([event?.type, sentenceOf(event)], [type ?? 'NODE_POWER_ON_FAILED', text]);
      if (text === AGAIN) assert.equal((await machine.now()).powerState, 'off');
    }));
