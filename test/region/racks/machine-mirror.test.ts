// The mirror of machines for racks.

import assert from 'node:assert/strict';
import { mock, test } from 'node:test';
import { bootReport, withRegion } from '../place.ts';

test('filling the mirror reads no machine whole, because facts and owner data are large', () =>
  withRegion(async ({ region, store }) => {
    const outcome = await region.enlist(bootReport([0x525400000001]));
    assert.ok(outcome.kind === 'create');
    await store.changeMachine<never>(outcome.machine.systemId, 5, () => ({
      kind: 'change',
      fields: { ownerData: { note: 'x'.repeat(4096) } },
      events: [],
    }));
    const before = (await region.desiredState()).machines;
    const whole = [mock.method(store, 'listMachines'), mock.method(store, 'findMachine')];
    await region.machinesChanged();
    assert.deepEqual(
      whole.map((read) => read.mock.callCount()),
      [0, 0],
    );
    assert.equal(before.length, 1);
    assert.deepEqual((await region.desiredState()).machines, before);
  }));
