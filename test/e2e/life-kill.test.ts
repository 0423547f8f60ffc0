// The daemon is killed at each step of a machine's life and started again: on loopback, with a machine that a webhook switches. Each time
// the life continues, or the loss is reported; no power is switched twice for one command.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { LifeUnderFire } from '../support/life-under-fire.ts';
import { missing } from '../support/needs.ts';

const MS_MAX = 300_000;

test('the life of a machine continues after a kill of the daemon at any step', {
  skip: missing('linux'),
  timeout: MS_MAX,
}, async (t) => {
  const life = new LifeUnderFire(labPlace(66), 910);
  t.after(() => life.close());
  await life.open();
  await t.test('while it enlists', async () => {
    await life.enlist([]);
    assert.equal(await life.status(), 'New');
  });
  await t.test('while it is measured', async () => {
    await life.command('accept', {}, ['answered', 'dhcp.ack', 'http.posted']);
    await life.reach('Ready');
  });
  await t.test('while it is deployed', async () => {
    const fields = { distro_series: 'trixie' };
    await life.command('deploy', fields, ['power-on', 'http.rendered', 'http.posted']);
    await life.reach('Deployed');
  });
  await t.test('while it is released', async () => {
    await life.command('release', { erase: 'true', quick_erase: 'true' }, ['power-on', 'http.posted']);
    await life.reach('Ready');
  });
});
