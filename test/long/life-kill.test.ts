// Hundreds of kills: one machine is deployed and released, tested and rescued again and again, and its daemon is killed at each step.
// @host alone

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { LifeUnderFire } from '../support/life-under-fire.ts';
import { missing } from '../support/needs.ts';

const LIVES = 20;
const KILLS_MIN = 200;

test('lives continue, whenever their daemon is killed', { skip: missing('linux') }, async (t) => {
  const life = new LifeUnderFire(labPlace(67), 911);
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
