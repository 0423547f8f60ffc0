// The region may fall: its thread is ended from outside, comes back, and every event reaches it once. Real sockets on loopback, by any
// user. One that stands still, or whose database is damaged while it runs, is in the long suite.
// @host waits

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { inspectorOptions, runInThread } from '../support/daemon-thread.ts';
import { missing } from '../support/needs.ts';
import { DhcpProbes } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';
import { assertStoredAsLogged } from '../support/stored-acks.ts';

const PLACE = labPlace(23);
const INSPECTOR_PORT = 15_929;

test('a crashed region thread is restarted, and each event is stored once and in order', {
  skip: missing('linux'),
}, async () => {
  const rack = new RunningRack(PLACE);
  const probes = await DhcpProbes.open(PLACE);
  const options = process.env.NODE_OPTIONS;
  try {
    process.env.NODE_OPTIONS = inspectorOptions(INSPECTOR_PORT);
    await rack.startWhole();
    let over = false;
    const macs = Array.from({ length: 60 }, () => probes.newMac());
    const asking = (async () => {
      for (let turn = 0; !over; turn += 1) {
        await probes.lease(macs[turn % macs.length]);
        await sleep(20);
      }
    })();
    const ends = [
      'process.exit(7)',
      'setImmediate(() => { throw new Error("a region that falls") })',
      'process.exit(0)',
    ];
    for (const [index, code] of ends.entries()) {
      const from = rack.lines.length;
      await sleep(300);
      await runInThread({ pid: rack.pid, inspectorPort: INSPECTOR_PORT, name: 'region' }, code);
      const down = await rack.reported('region.down', { from, limitMs: 20_000 });
      assert.equal(down.retryMs, 500 * 2 ** index, 'the pause grows');
      if (index === 1) assert.match(String(down.reason), /a region that falls/);
      await rack.reported('region.up', { from, limitMs: 30_000 });
    }
    over = true;
    await asking;
    await eventually('every event is stored', async () => (await rack.status()).region?.eventsWaiting === 0, 20_000);
    assert.ok(rack.events('dhcp.ack').length > 100);
    await assertStoredAsLogged(rack);
  } finally {
    if (options === undefined) delete process.env.NODE_OPTIONS;
    else process.env.NODE_OPTIONS = options;
    await probes.close();
    await rack.remove();
  }
});
