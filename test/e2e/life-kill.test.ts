// The daemon is killed when a machine was accepted, and when its power was switched, and started again: on loopback, with a machine that a
// webhook switches. Each time the life continues, or the loss is reported; no power is switched twice for one command. The long suite kills
// it at each step.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { LifeUnderFire } from '../support/life-under-fire.ts';
import { missing } from '../support/needs.ts';

test('the life of a machine continues after a kill of the daemon at its command, and at its power', {
  skip: missing('linux'),
}, async (t) => {
  const life = new LifeUnderFire(labPlace(66), 910);
  t.after(() => life.close());
  await life.open();
  await t.test('while it enlists', async () => {
    await life.enlist([]);
    assert.equal(await life.status(), 'New');
  });
  await t.test('while it is measured', async () => {
    await life.command('accept', {}, ['answered']);
    await life.reach('Ready');
  });
  await t.test('while it is deployed', async () => {
    const fields = { distro_series: 'trixie' };
    await life.command('deploy', fields, ['power-on']);
    await life.reach('Deployed');
  });
});
