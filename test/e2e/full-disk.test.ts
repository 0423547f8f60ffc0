// A disk that fills under a running rack: leases are refused by that name, files and names continue, and with room again, leases are
// given again without help. A small tmpfs as state directory, so as root.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { osErrorCode } from '../../src/errors.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { formatMac } from '../../src/net/address.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { addressOf, askName, DhcpProbes, type Leased, loadByHttp, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack, runRackboot, startQuietly } from '../support/running-rack.ts';

const PLACE = labPlace(22);
const ADDRESS = `${PLACE.octets}.1`;
const LOADER = 'lpxelinux.0';
const LOADER_BYTES = 44_000;

/** Writes until nothing more fits, even if other processes write meanwhile. */
function fillDisk(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if (osErrorCode(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

test('a full disk stops only leases, until it has room', {
  skip: missing('root', 'mount'),
  timeout: 120_000,
}, async () => {
  const rack = new RunningRack(PLACE);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'rackboot-running-full', rack.stateDir]);
  const probes = await DhcpProbes.open(PLACE);
  const ballast = join(rack.stateDir, 'ballast');
  const given: Leased[] = [];
  const give = async (limitMs: number): Promise<Leased | undefined> => {
    const lease = await probes.leaseWithin(limitMs);
    if (lease !== undefined) given.push(lease);
    return lease;
  };
  try {
    await rack.startWhole();
    assert.ok(await give(10_000));

    for (let round = 1; round <= 2; round += 1) {
      fillDisk(ballast);
      const from = rack.lines.length;
      // Before any client has asked for a lease.
      const shown = await runRackboot(['status', '--config', rack.configFile]);
      assert.equal(shown.code, 1);
      assert.match(
        shown.output.join('\n'),
        /^BAD {5}the disk of \S+ is full \(.*: neither leases nor .*free some space there$/m,
      );
      assert.doesNotMatch(shown.output.join('\n'), /are written to disk/);
      // The rest of the write-ahead log holds some more.
      await eventually(
        'leases stop',
        async () => (await give(300)) === undefined && !(await rack.status()).journal.available,
        60_000,
      );
      const refused = await probes.leaseWithin(2000);
      assert.equal(refused, undefined, 'no lease without a disk');
      await rack.reported('dhcp.refused', { from, match: ({ reason }) => reason === 'store-unavailable' });
      const { journal } = await rack.status();
      assert.match(journal.reason ?? '', /disk is full|I\/O error/);

      assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, LOADER)).value.length, LOADER_BYTES);
      assert.equal((await loadByHttp(ADDRESS, PLACE.httpPort, `/${LOADER}`)).value.body.length, LOADER_BYTES);
      assert.equal((await askName(ADDRESS, PLACE.dnsPort, 'lab.maas')).value.address, ADDRESS);

      rmSync(ballast);
      await eventually('leases are given again', async () => (await rack.status()).journal.available, 15_000);
      assert.ok(await give(10_000));
      await eventually('the region answers', async () => (await rack.status()).region?.state === 'up', 40_000);
    }
    await rack.kill();
    await rack.start();
    const held = new Map(leasesShape.parse(await rack.ask('/leases')).map(({ mac, address }) => [mac, address]));
    for (const lease of given) assert.equal(held.get(formatMac(lease.mac)), addressOf(lease));
  } finally {
    await probes.close();
    await rack.stop();
    execFileSync('umount', [rack.stateDir]);
    await rack.remove();
  }
});

test('a log on a full disk loses only lines', {
  skip: missing('root', 'mount'),
  timeout: 60_000,
}, async () => {
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
