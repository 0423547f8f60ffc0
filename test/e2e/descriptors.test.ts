// A rack that runs out of file descriptors refuses requests that need one, and serves again when some are free. As any user.
// @host waits

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { createSocket } from 'node:dgram';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { sleep } from '../../src/ground/clock.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { missing } from '../support/needs.ts';
import { askName, DhcpProbes, loadByHttp, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack, startQuietly } from '../support/running-rack.ts';

const PLACE = labPlace(27);
const ADDRESS = `${PLACE.octets}.1`;
const FURTHER = 24;

test('a rack without file descriptors refuses requests, and continues', {
  skip: missing('linux', 'prlimit'),
}, async () => {
  const rack = new RunningRack(PLACE, (text) => `${text}log: { file: /dev/null }\n`);
  const probes = await DhcpProbes.open(PLACE);
  const daemon = await startQuietly(rack);
  const opened: Socket[] = [];
  try {
    await eventually('the region is up', async () => (await rack.status()).region?.state === 'up', 20_000);
    assert.ok(await probes.leaseWithin(5000));
    const used = (): number => readdirSync(`/proc/${daemon.pid}/fd`).length;
    execFileSync('prlimit', ['--pid', String(daemon.pid), `--nofile=${used() + FURTHER}:${used() + FURTHER}`]);
    for (const [host, port] of [
      [ADDRESS, PLACE.httpPort],
      ['127.0.0.1', PLACE.regionPort],
      [ADDRESS, PLACE.dnsPort],
    ] as const) {
      for (let count = 0; count < 60; count += 1) {
        const socket = connect({ host, port, localAddress: `${PLACE.octets}.66` });
        socket.on('error', () => undefined);
        socket.resume();
        opened.push(socket);
      }
    }
    await sleep(500);
    const client = createSocket('udp4');
    for (let count = 0; count < 50; count += 1) {
      client.send(
        Buffer.from('\0\x01amd64/generic/bookworm/commissioning/initrd.gz\0octet\0', 'latin1'),
        PLACE.tftpPort,
        ADDRESS,
      );
    }
    // Services that need no further descriptor continue.
    assert.ok(await probes.leaseWithin(5000), 'leases');
    assert.equal((await askName(ADDRESS, PLACE.dnsPort, 'lab.maas')).value.address, ADDRESS, 'names');
    client.close();
    for (const socket of opened) socket.destroy();
    await eventually('files come again', async () => {
      const loaded = await loadByHttp(ADDRESS, PLACE.httpPort, '/lpxelinux.0').catch(() => undefined);
      return loaded?.value.body.length === 44_000;
    });
    assert.equal((await loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0')).value.length, 44_000);
    assert.equal((await loadByHttp('127.0.0.1', PLACE.regionPort, '/MAAS/api/version/')).value.status, 200);
    assert.equal(daemon.complaints(), '');
    assert.equal(await daemon.stop(), 0);
  } finally {
    for (const socket of opened) socket.destroy();
    await daemon.stop();
    await probes.close();
    await rack.remove();
  }
});
