// The daemon is killed when a machine was accepted, and when its power was switched, and started again: on loopback, with a machine that a
// webhook switches. Each time the life continues, or the loss is reported; no power is switched twice for one command. With many rounds it is
// killed hundreds of times, at each step.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { LifeUnderFire } from '../support/life-under-fire.ts';
import { missing } from '../support/needs.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';

const LIVES = 20;
const KILLS_MIN = 200;

test('the life of a machine continues after a kill of the daemon at its command, and at its power', {
  skip: missing('linux'),
}, async (t) => {
  const life = new LifeUnderFire(labPlace(66), 910);
  t.after(() => life.close());
  await life.open();
  await t.test('while it enlists', async () => {
    await life.enlist(['dhcp.offer', 'http.rendered']);
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

if (HAS_MANY_ROUNDS)
  test('lives continue, whenever their daemon is killed', { skip: missing('linux') }, async (t) => {
    const life = new LifeUnderFire(labPlace(66), 911);
    t.after(() => life.close());
    await life.open();
    await life.enlist(['dhcp.offer', 'tftp.sent', 'http.rendered']);
    await life.command('accept', {}, ['answered', 'dhcp.ack', 'http.posted']);
    await life.reach('Ready');
    for (let count = 0; count < LIVES; count += 1) {
      const points = ['power-on', 'dhcp.offer', 'http.rendered', 'http.posted', 'http.rendered'];
      await life.command(
        'deploy',
        { distro_series: 'trixie' },
        count % 2 === 0 ? points : ['answered', ...points.slice(2)],
      );
      await life.reach('Deployed');
      await life.command('release', { erase: 'true', quick_erase: 'true' }, ['power-on', 'dhcp.ack', 'http.posted']);
      await life.reach('Ready');
      await life.command(
        'test',
        {},
        count % 2 === 0 ? ['power-on', 'http.rendered', 'http.posted'] : ['answered', 'dhcp.ack'],
      );
      await life.reach('Ready');
      await life.command('rescue_mode', {}, ['power-on', 'http.rendered']);
      await life.reach('Rescue mode');
      await life.command('release', {}, ['power-off']);
      await life.reach('Ready');
    }
    assert.ok(life.kills >= KILLS_MIN, `${life.kills} kills`);
  });
