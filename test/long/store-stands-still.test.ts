// A file system that stalls, and one that turns read-only, under a running rack: leases are refused by name, files and names are
// answered as quickly as before, and nothing that was acknowledged is lost. An ext4 in a file, so as root.
// @host alone

import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { copyFileSync, truncateSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { test } from 'node:test';
import { formatMac } from '../../src/ground/address.ts';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { leasesShape } from '../support/answer-shapes.ts';
import { missing } from '../support/needs.ts';
import { addressOf, askName, DhcpProbes, type Leased, loadByHttp, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(65);
const ADDRESS = `${PLACE.octets}.1`;
const LOADER = 'lpxelinux.0';
const DISK_BYTES = 48 * 1024 * 1024;
/** The longest answer on a busy host; waiting for the disk would be seconds. */
/** The disk stands still for longer than the two seconds after which it is given up. */
const ANSWER_MS_MAX = 1900;
const skip = missing('linux', 'root', 'mount', 'mkfs.ext4', 'fsfreeze');

const run = (program: string, ...args: readonly string[]): string =>
  execFileSync(program, args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] });

/** A rack whose state directory is a file system of its own, and what its clients were acknowledged. */
class RackOnDisk {
  readonly rack = new RunningRack(PLACE);
  readonly given: Leased[] = [];
  #disk = join(this.rack.directory, 'disk');
  #probes: DhcpProbes | undefined;

  mount(): void {
    run('mount', '-o', 'loop,errors=remount-ro', this.#disk, this.rack.stateDir);
  }

  async start(): Promise<void> {
    writeFileSync(this.#disk, '');
    truncateSync(this.#disk, DISK_BYTES);
    run('mkfs.ext4', '-q', '-F', '-O', '^has_journal', this.#disk);
    this.mount();
    this.#probes = await DhcpProbes.open(PLACE);
    await this.rack.startWhole();
  }

  async ask(limitMs: number): Promise<Leased | undefined> {
    const lease = await this.#probes?.leaseWithin(limitMs);
    if (lease !== undefined) this.given.push(lease);
    return lease;
  }

  /** Files and names, each in time. */
  async askForTheRest(): Promise<void> {
    const file = await loadByTftp(ADDRESS, PLACE.tftpPort, LOADER);
    const page = await loadByHttp(ADDRESS, PLACE.httpPort, `/${LOADER}`);
    const name = await askName(ADDRESS, PLACE.dnsPort, 'lab.maas');
    assert.equal(file.value.length, page.value.body.length);
    assert.equal(name.value.address, ADDRESS);
    for (const [what, { ms }] of Object.entries({ file, page, name }))
      assert.ok(ms < ANSWER_MS_MAX, `${what} took ${Math.round(ms)} ms`);
  }

  /** Every lease that was acknowledged is in the rack. */
  async assertKept(): Promise<void> {
    const held = new Map(leasesShape.parse(await this.rack.ask('/leases')).map(({ mac, address }) => [mac, address]));
    for (const lease of this.given) assert.equal(held.get(formatMac(lease.mac)), addressOf(lease));
  }

  unmount(): void {
    run('umount', this.rack.stateDir);
  }

  /** The administrator's repair: check it, mount it again. A copy, because another namespace may still have the first. */
  mend(): void {
    this.unmount();
    const mended = `${this.#disk}-mended`;
    copyFileSync(this.#disk, mended);
    this.#disk = mended;
    // Exit code 1 says that e2fsck repaired something.
    const { status, stdout } = spawnSync('e2fsck', ['-fy', mended], { encoding: 'utf8' });
    assert.ok(status === 0 || status === 1, stdout);
    this.mount();
  }

  async remove(): Promise<void> {
    await this.#probes?.close();
    await this.rack.stop();
    if (run('mount').includes(this.rack.stateDir)) this.unmount();
    await this.rack.remove();
  }
}

test('a disk that stalls for seconds stops only leases, until it moves', {
  skip,
}, async () => {
  const on = new RackOnDisk();
  const { rack } = on;
  let isFrozen = false;
  const freeze = (how: '--freeze' | '--unfreeze'): void => {
    run('fsfreeze', how, rack.stateDir);
    isFrozen = how === '--freeze';
  };
  try {
    await on.start();
    assert.ok(await on.ask(10_000));
    for (let round = 1; round <= 2; round += 1) {
      const from = rack.lines.length;
      freeze('--freeze');
      const waiting = on.ask(20_000);
      const reported = await rack.reported('dhcp.store-unavailable', { from });
      assert.equal(reported.reason, 'disk-slow');
      assert.equal(await on.ask(1500), undefined, 'no lease without a disk');
      await rack.reported('dhcp.refused', { from, match: ({ reason }) => reason === 'store-unavailable' });
      for (let turn = 0; turn < 5; turn += 1) await on.askForTheRest();
      assert.equal((await rack.status()).journal.available, false);

      freeze('--unfreeze');
      await rack.reported('dhcp.store-restored', { from, limitMs: 15_000 });
      assert.ok(await waiting, 'the client that kept asking has a lease');
      assert.ok(await on.ask(10_000));
      await eventually('every event is stored', async () => (await rack.status()).region?.eventsWaiting === 0, 30_000);
    }
    await rack.kill();
    await rack.start();
    await on.assertKept();
  } finally {
    if (isFrozen) freeze('--unfreeze');
    await on.remove();
  }
});

test('a disk that turns read-only after an error stops only leases, and keeps the acknowledged ones', {
  skip,
}, async () => {
  const on = new RackOnDisk();
  const { rack } = on;
  try {
    await on.start();
    for (let count = 0; count < 5; count += 1) assert.ok(await on.ask(10_000));
    const from = rack.lines.length;
    const device = basename(run('findmnt', '--noheadings', '--output', 'SOURCE', rack.stateDir).trim());
    writeFileSync(`/sys/fs/ext4/${device}/trigger_fs_error`, '1');
    assert.equal(await on.ask(2000), undefined);
    await rack.reported('dhcp.store-unavailable', { from });
    await sleep(2500);
    assert.equal(await on.ask(1500), undefined, 'tries do not end it');
    for (let turn = 0; turn < 5; turn += 1) await on.askForTheRest();
    assert.match((await rack.status()).journal.reason ?? '', /leases\.db: /);

    await rack.stop();
    on.mend();
    await rack.startWhole();
    await on.assertKept();
    assert.ok(await on.ask(10_000));
  } finally {
    await on.remove();
  }
});
