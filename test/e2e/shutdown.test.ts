// The end of the daemon: ACKs that wait for the disk leave, transfers come to their end, a client that stands still is cut, events
// reach the region, and a second signal ends it at once. Real sockets on loopback, by any user.
// @host waits
// @long more

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { truncateSync, writeFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { test } from 'node:test';
import { z } from 'zod';
import { formatMac } from '../../src/ground/address.ts';
import { sleep, systemClock } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { copyLeases } from '../../src/store/leases/lease-database.ts';
import { LEASE_FILE } from '../../src/store/leases/lease-journal.ts';
import { missing } from '../support/needs.ts';
import { askName, DhcpProbes, isOpen, loadByTftp } from '../support/probes.ts';
import { HAS_MANY_ROUNDS } from '../support/rounds.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(61);
const ADDRESS = `${PLACE.octets}.1`;
const CLIENTS = 40;
const BIG = 'big.bin';
const BIG_BYTES = 48 * 1024 * 1024;
/** A machine's TFTP download: less than a tenth of a second of work, and less than the grace even on a busy host. */
const FIT = 'fit.bin';
const FIT_BYTES = 4 * 1024 * 1024;
const GRACE_MS = 10_000;
const skip = missing('linux');

const busyShape = z.object({
  journal: z.object({ pending: z.number() }),
  tftp: z.object({ counters: z.object({ active: z.number() }) }),
  http: z.object({ counters: z.object({ requests: z.number() }) }),
});

/** The work in progress in a running rack. */
const busy = async (rack: RunningRack): Promise<z.infer<typeof busyShape>> =>
  busyShape.parse(await rack.ask('/status'));

/** Hardware addresses that leases.db holds a lease of. */
const leasedOnDisk = (stateDir: string): string[] =>
  copyLeases(join(stateDir, LEASE_FILE)).leases.map(({ mac }) => formatMac(mac));

/** Files that cost no room on the disk. */
function putBigFiles(rack: RunningRack): void {
  for (const [name, bytes] of [
    [BIG, BIG_BYTES],
    [FIT, FIT_BYTES],
  ] as const) {
    writeFileSync(join(rack.tree, name), '');
    truncateSync(join(rack.tree, name), bytes);
  }
}

/** Asks for the big file by HTTP, and reads nothing until told to. */
async function beginDownload(): Promise<Socket> {
  const socket = connect({ host: ADDRESS, port: PLACE.httpPort });
  await once(socket, 'connect');
  socket.pause();
  socket.write(`GET /${BIG} HTTP/1.1\r\nHost: rack\r\n\r\n`);
  return socket;
}

/** Reads to the end. @returns bytes of content */
async function readOn(socket: Socket): Promise<number> {
  let head: Buffer | undefined = Buffer.alloc(0);
  let bytes = 0;
  socket.on('data', (part: Buffer) => {
    if (head === undefined) {
      bytes += part.length;
      return;
    }
    head = Buffer.concat([head, part]);
    const end = head.indexOf('\r\n\r\n');
    if (end === -1) return;
    bytes += head.length - end - 4;
    head = undefined;
  });
  socket.on('error', () => undefined);
  const closed = once(socket, 'close');
  socket.resume();
  await closed;
  return bytes;
}

test('every lease whose ACK was decided gets its ACK', {
  skip,
}, async () => {
  const rack = new RunningRack(PLACE);
  const probes = await DhcpProbes.open(PLACE);
  try {
    await rack.startWhole();
    const acknowledged = new Set<string>();
    const ask = (): void => void probes.lease().then(({ mac }) => acknowledged.add(formatMac(mac)));
    for (let client = 0; client < CLIENTS; client += 1) ask();
    await eventually('the first have theirs', () => acknowledged.size === CLIENTS);
    // The disk takes nothing for a moment, so that ACKs wait when the signal comes.
    const other = new DatabaseSync(join(rack.stateDir, 'leases.db'), { timeout: 5000 });
    other.exec('BEGIN IMMEDIATE');
    for (let client = 0; client < CLIENTS; client += 1) ask();
    await eventually('ACKs wait', async () => (await busy(rack)).journal.pending >= CLIENTS / 2);
    const stopped = rack.stop();
    await rack.reported('daemon.finishing', { match: ({ replies }) => Number(replies) >= CLIENTS / 2 });
    await sleep(200);
    other.exec('COMMIT');
    other.close();
    assert.equal(await stopped, 0);
    const onDisk = leasedOnDisk(rack.stateDir);
    await eventually('the last ACKs are read', () => acknowledged.size >= onDisk.length);
    assert.deepEqual(
      onDisk.filter((mac) => !acknowledged.has(mac)),
      [],
    );
    assert.equal(onDisk.length, acknowledged.size, 'and no ACK without a lease');
    assert.ok(
      acknowledged.size > CLIENTS && acknowledged.size <= 2 * CLIENTS,
      `${acknowledged.size} were acknowledged`,
    );
  } finally {
    await probes.close();
    await rack.remove();
  }
});

test('downloads end whole, while new ones are refused, and names and addresses are given', {
  skip,
}, async () => {
  const rack = new RunningRack(PLACE);
  const probes = await DhcpProbes.open(PLACE);
  putBigFiles(rack);
  try {
    await rack.startWhole();
    const download = await beginDownload();
    await eventually('it is sent', async () => (await busy(rack)).http.counters.requests > 0);
    const idle = connect({ host: ADDRESS, port: PLACE.httpPort });
    await once(idle, 'connect');
    const file = loadByTftp(ADDRESS, PLACE.tftpPort, FIT);
    await eventually('a TFTP transfer runs', async () => (await busy(rack)).tftp.counters.active === 1);
    const stopped = rack.stop();
    await rack.reported('daemon.finishing', { match: ({ transfers }) => transfers === 2 });
    assert.equal(await isOpen(ADDRESS, PLACE.httpPort), false);
    assert.equal((await askName(ADDRESS, PLACE.dnsPort, 'lab.maas')).value.address, ADDRESS);
    await probes.lease();
    await sleep(1000);
    const [bytes, loaded] = await Promise.all([readOn(download), file]);
    assert.equal(bytes, BIG_BYTES);
    assert.equal(loaded.value.length, FIT_BYTES);
    assert.equal(await stopped, 0);
    const { cut } = await rack.reported('daemon.stopped');
    assert.equal(cut, 0);
    idle.destroy();
  } finally {
    await probes.close();
    await rack.remove();
  }
});

if (HAS_MANY_ROUNDS)
  test('a stalled client is cut off after ten seconds, and a second signal ends the rack at once', {
    skip,
  }, async () => {
    const rack = new RunningRack(PLACE);
    putBigFiles(rack);
    try {
      await rack.startWhole();
      const still = await beginDownload();
      await eventually('it is sent', async () => (await busy(rack)).http.counters.requests > 0);
      const startedAt = systemClock.now();
      assert.equal(await rack.stop(), 0);
      const tookMs = systemClock.now() - startedAt;
      assert.ok(tookMs >= GRACE_MS, `it took ${tookMs} ms`);
      assert.equal((await rack.reported('daemon.stopped')).cut, 1);
      still.destroy();

      const daemon = await rack.startWhole();
      const again = await beginDownload();
      await eventually('it is sent', async () => (await busy(rack)).http.counters.requests > 0);
      const from = rack.lines.length;
      const ended = rack.stop();
      await rack.reported('daemon.finishing', { from });
      process.kill(daemon.pid ?? 0, 'SIGTERM');
      assert.equal(await ended, 1);
      again.destroy();
      await rack.startWhole();
    } finally {
      await rack.remove();
    }
  });

test('every event before the end reaches the region, even if many wait', { skip }, async () => {
  const rack = new RunningRack(PLACE);
  try {
    await rack.startWhole();
    const probes = await DhcpProbes.open(PLACE);
    // A region that stands still while events gather, and continues after the signal.
    const other = new DatabaseSync(join(rack.stateDir, 'region.db'), { timeout: 5000 });
    other.exec('BEGIN IMMEDIATE');
    const macs = Array.from({ length: 50 }, () => probes.newMac());
    for (let round = 0; round < 10; round += 1) for (const mac of macs) await probes.lease(mac);
    const waiting = (await rack.status()).region?.eventsWaiting ?? 0;
    assert.ok(waiting > 512, `${waiting} events wait`);
    const stopped = rack.stop();
    await rack.reported('daemon.stopping');
    other.exec('COMMIT');
    other.close();
    assert.equal(await stopped, 0);
    await probes.close();
    const database = new DatabaseSync(join(rack.stateDir, 'region.db'));
    const row = database.prepare("SELECT count(*) AS count FROM event WHERE kind = 'dhcp.ack'").get();
    database.close();
    assert.equal(row?.count, rack.events('dhcp.ack').length);
  } finally {
    await rack.remove();
  }
});
