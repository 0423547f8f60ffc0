// A rack whose leases were removed while it was down says so, once.
// @host waits

import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { RunningRack } from '../support/running-rack.ts';

const rack = new RunningRack(labPlace(36));
after(() => rack.remove());

test('a start without its leases reports that in the log and in status, and serves', {
  skip: missing('linux'),
}, async () => {
  await rack.start();
  await rack.stop();
  for (const end of ['', '-wal', '-shm']) rmSync(join(rack.stateDir, `leases.db${end}`), { force: true });
  const from = rack.lines.length;
  await rack.start();
  assert.match(
    String((await rack.reported('daemon.leases-lost', { from })).text),
    /leases\.db holds no leases.* backup/,
  );
  const { output } = await rack.rackboot('status');
  assert.match(output.join('\n'), /^BAD +leases: .*leases\.db holds no leases/m);
  await rack.stop();
  const again = rack.lines.length;
  await rack.start();
  assert.deepEqual(
    rack.lines.slice(again).filter(({ event }) => event === 'daemon.leases-lost'),
    [],
    'leases granted since are not lost',
  );
});
