// The end of a lease is reported once: on time, or, if no rack ran then, when the rack runs again.
// @host rests
// @long more

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { REPORTED_ENDS_WRITE_MS } from '../../src/store/leases/reported-ends.ts';
import { missing } from '../support/needs.ts';
import { addressOf, DhcpProbes } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(91);
const LEASE_MS = 10_000;

describe('the ends of leases', { skip: missing('linux') }, () => {
  const rack = new RunningRack(PLACE, (text) => text.replace('dhcp: {', 'dhcp: { pxe_lease_time: 10s,'));
  let probes: DhcpProbes | undefined;
  const reported = (): readonly unknown[] => rack.events('dhcp.expired').map(({ address }) => address);

  before(async () => {
    await rack.start();
    probes = await DhcpProbes.open(PLACE);
  });
  after(async () => {
    await probes?.close();
    await rack.remove();
  });

  test('are reported at once while the rack runs, at its start if it was dead, and never twice', async () => {
    assert.ok(probes !== undefined);
    const early = addressOf(await probes.lease());
    await sleep(LEASE_MS / 2);
    const late = addressOf(await probes.lease());
    await rack.reported('dhcp.expired', { limitMs: LEASE_MS, match: ({ address }) => address === early });
    await sleep(2 * REPORTED_ENDS_WRITE_MS);
    await rack.kill();
    assert.deepEqual(reported(), [early]);
    await sleep(LEASE_MS);
    await rack.startWhole();
    await rack.reported('dhcp.expired', { match: ({ address }) => address === late });
    assert.deepEqual(reported(), [early, late]);
    for (const end of !HAS_MANY_ROUNDS ? (['stop'] as const) : (['stop', 'stop', 'kill'] as const)) {
      await rack[end]();
      await rack.startWhole();
      await sleep(2 * REPORTED_ENDS_WRITE_MS);
      assert.deepEqual(reported(), [early, late], `after ${end}`);
    }
  });
});
