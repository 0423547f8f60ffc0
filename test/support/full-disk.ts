// A disk that fills under a running rack, and what the rack still does: what `e2e/full-disk.test.ts` and the long suite share.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { formatMac } from '../../src/ground/address.ts';
import { osErrorCode } from '../../src/ground/errors.ts';
import type { LabPlace } from '../../src/lab/safe-lab.ts';
import { BALLAST_BYTES, BALLAST_FILE } from '../../src/store/leases/ballast.ts';
import { leasesShape } from './answer-shapes.ts';
import { addressOf, askName, DhcpProbes, type Leased, loadByHttp, loadByTftp } from './probes.ts';
import { eventually, RunningRack } from './running-rack.ts';

const LOADER = 'lpxelinux.0';
const LOADER_BYTES = 44_000;

/** Writes until nothing more fits, even if other processes write meanwhile. */
export function fillDisk(path: string): void {
  const file = openSync(path, 'a');
  try {
    for (;;) writeSync(file, Buffer.alloc(4096));
  } catch (error) {
    if (osErrorCode(error) !== 'ENOSPC') throw error;
  } finally {
    closeSync(file);
  }
}

/** Fills the disk of a rack's state directory `rounds` times: only leases stop, until it has room, and none that was acknowledged is lost. */
export async function stopsOnlyLeases(place: LabPlace, rounds: number): Promise<void> {
  const address = `${place.octets}.1`;
  const rack = new RunningRack(place);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=6m', 'rackboot-running-full', rack.stateDir]);
  const probes = await DhcpProbes.open(place);
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

    for (let round = 1; round <= rounds; round += 1) {
      fillDisk(ballast);
      const from = rack.lines.length;
      // Before any client has asked for a lease.
      const shown = await rack.rackboot('status');
      assert.equal(shown.code, 1);
      assert.match(
        shown.output.join('\n'),
        /^BAD {5}disk: the disk of \S+ is full \(.*: neither leases nor .*free some space there$/m,
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

      assert.equal((await loadByTftp(address, place.tftpPort, LOADER)).value.length, LOADER_BYTES);
      assert.equal((await loadByHttp(address, place.httpPort, `/${LOADER}`)).value.body.length, LOADER_BYTES);
      assert.equal((await askName(address, place.dnsPort, 'lab.maas')).value.address, address);

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
}

/** Fills a larger disk: leases go on in the room that was set aside for them, which comes back when there is room again. */
export async function usesBallast(place: LabPlace): Promise<void> {
  const rack = new RunningRack(place);
  execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=64m', 'rackboot-ballast', rack.stateDir]);
  const probes = await DhcpProbes.open(place);
  const filler = join(rack.stateDir, 'filler');
  try {
    await rack.startWhole();
    const kept = () => statSync(join(rack.stateDir, BALLAST_FILE), { throwIfNoEntry: false })?.size === BALLAST_BYTES;
    await eventually('the ballast', kept);
    fillDisk(filler);
    await eventually('the ballast is freed', async () => {
      await probes.leaseWithin(2000);
      return rack.events('dhcp.ballast-freed').length === 1;
    });
    const from = rack.lines.length;
    for (let count = 0; count < 50; count += 1) assert.ok(await probes.leaseWithin(5000), `lease ${count}`);
    assert.deepEqual(rack.events('dhcp.store-unavailable', from), []);
    rmSync(filler);
    await rack.reported('dhcp.ballast-kept', { from });
    assert.ok(kept());
  } finally {
    await probes.close();
    await rack.stop();
    execFileSync('umount', [rack.stateDir]);
    await rack.remove();
  }
}
