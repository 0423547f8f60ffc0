// A disk that fills under a running rack: leases are refused by that name, files and names continue, and with room again, leases are given
// again without help; a log whose disk fills loses only lines. A small tmpfs each, so as root.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatMac } from '../../src/ground/address.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { fillDisk, stopsOnlyLeases, usesBallast } from '../support/full-disk.ts';
import { missing } from '../support/needs.ts';
import { DhcpProbes } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack, startQuietly } from '../support/running-rack.ts';

const PLACE = labPlace(22);
const skip = missing('root', 'mount');

test('a disk that fills stops only leases, until it has room', { skip }, () =>
  stopsOnlyLeases(PLACE, HAS_MANY_ROUNDS ? 3 : 1),
);

test('leases go on in the room that was set aside', { skip }, () => usesBallast(PLACE));

if (HAS_MANY_ROUNDS)
  test('a log on a full disk loses only lines', { skip }, async () => {
    const logs = mkdtempSync(join(tmpdir(), 'rackboot-log-'));
    const log = join(logs, 'rackboot.log');
    const rack = new RunningRack(PLACE, (text) => `${text}log: { file: ${JSON.stringify(log)} }\n`);
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=256k', 'rackboot-log-full', logs]);
    const probes = await DhcpProbes.open(PLACE);
    const daemon = await startQuietly(rack);
    try {
      const ballast = join(logs, 'ballast');
      fillDisk(ballast);
      for (let count = 0; count < 40; count += 1) assert.ok(await probes.leaseWithin(5000));
      await eventually('standard error tells', () => daemon.complaints() !== '');
      assert.match(daemon.complaints(), /^rackboot: the log \S+rackboot\.log cannot be written: ENOSPC.*\n$/);
      rmSync(ballast);
      const last = await probes.leaseWithin(5000);
      assert.ok(last);
      await eventually('lines follow again', () => readFileSync(log, 'utf8').includes(formatMac(last.mac)));

      // Rotation: the file is moved away, and SIGHUP makes a new one.
      renameSync(log, `${log}.1`);
      process.kill(daemon.pid, 'SIGHUP');
      const next = await probes.leaseWithin(5000);
      assert.ok(next);
      await eventually('a new file', () => existsSync(log) && readFileSync(log, 'utf8').includes('config.applied'));
      assert.equal(await daemon.stop(), 0);
    } finally {
      await daemon.stop();
      await probes.close();
      execFileSync('umount', [logs]);
      rmSync(logs, { recursive: true });
      await rack.remove();
    }
  });
