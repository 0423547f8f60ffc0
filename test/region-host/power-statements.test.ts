// The statements of power commands: those of the checks do not grow with the number of machines that are checked together, and each command
// has its own, because each begins and ends at a time of its own.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openRegion } from '../../src/region/region.ts';
import { HOLD_MS_MAX } from '../../src/region-host/power-hold.ts';
import { MACHINES_PER_CHECK, PowerSide } from '../../src/region-host/power-side.ts';
import { Controller, controllerDriver, pass } from '../power/controllers.ts';
import { enlist, report, withRegion } from '../region/place.ts';
import { countStatements, sumOf, takeTexts } from '../support/counted-statements.ts';

/** Small and large numbers of machines; the large one is more than are checked together. */
const [FEW, MANY] = [3, MACHINES_PER_CHECK + 30];
/** Statements of one command: its begin and its end in the ledger, its outcome and the reading after it. */
const COMMAND_MAX = 25;

/** The statements while accepted machines wait for their racks, and those of their commands afterwards. */
async function measure(count: number): Promise<{ readonly held: number; readonly switched: number }> {
  let [held, switched] = [0, 0];
  await withRegion(async ({ config, clock, store }) => {
    const names = Array.from({ length: count }, (_, index) => `c${index}`);
    const controllers = new Map(names.map((name) => [name, new Controller(name, clock)]));
    const side = new PowerSide({ store, clock, stateDir: '/nowhere', drivers: [controllerDriver(controllers)] });
    const region = await openRegion({ config, store, clock, power: side, onDesiredState: () => undefined });
    let missing: readonly string[] = ['far'];
    let tell = (): void => undefined;
    const acknowledgements = {
      missing: () => missing,
      subscribe: (listener: () => void) => {
        tell = listener;
        return () => undefined;
      },
    };
    await side.begin(region.life, { acknowledgements, onUnacknowledged: () => undefined });
    const systemIds: string[] = [];
    for (const [index, name] of names.entries()) {
      const { systemId } = await enlist(region, report([0x525400000001 + index]));
      await region.editMachine(systemId, { powerType: 'memory', powerParameters: { power_address: name } }, 'bob');
      systemIds.push(systemId);
    }
    await pass(clock, 1_000);
    await region.life.commandAll(systemIds, { name: 'accept' }, { username: 'bob', isAdmin: true, comment: '' });
    takeTexts();
    await pass(clock, 1_000);
    held = sumOf(takeTexts());
    assert.ok([...controllers.values()].every(({ asked }) => !asked.includes('on')));
    missing = [];
    tell();
    await pass(clock, HOLD_MS_MAX - 2_000);
    switched = sumOf(takeTexts());
    assert.ok([...controllers.values()].every(({ asked }) => asked.filter((what) => what === 'on').length === 1));
    await side.close();
    region.close();
  });
  return { held, switched };
}

test('many machines are checked with as many statements as few, and each command has a number of its own', async () => {
  const restore = countStatements();
  try {
    const [few, many] = [await measure(FEW), await measure(MANY)];
    assert.ok(few.held > 0);
    assert.ok(many.held <= few.held * Math.ceil(MANY / MACHINES_PER_CHECK), `${few.held} and ${many.held} statements`);
    const each = (many.switched - few.switched) / (MANY - FEW);
    assert.ok(each > 1 && each <= COMMAND_MAX, `${each} statements of each command`);
  } finally {
    restore();
  }
});
