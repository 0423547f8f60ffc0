// The wall clock is set under a running daemon, as a time server does at the start of a host without a clock: the lease, a transfer,
// names and a state in progress continue. And it jumps by days, while the daemon runs and while it is dead: no lease is given twice. libfaketime stands between the process and the system's wall clock; monotonic time is untouched.
// @host alone

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { machinesShape } from '../../src/cli/terminal/shapes.ts';
import { formatMac } from '../../src/ground/address.ts';
import { systemClock } from '../../src/ground/clock.ts';
import type { LogLine } from '../../src/lab/daemon-process.ts';
import { labPlace } from '../../src/lab/safe-lab.ts';
import { removeSharedClocks, setClock, withClock } from '../support/fake-clock.ts';
import { missing } from '../support/needs.ts';
import { addressOf, askName, DhcpProbes, loadByTftp } from '../support/probes.ts';
import { eventually, RunningRack } from '../support/running-rack.ts';

const PLACE = labPlace(63);
const ADDRESS = `${PLACE.octets}.1`;
const HOUR_MS = 3_600_000;
const DAY_SECONDS = 86_400;
/** How long a refused client repeats its question. */
const REFUSED_MS = 500;

const leasesShape = z.array(
  z.object({ mac: z.string(), state: z.string(), grantedAt: z.string(), expiresAt: z.string(), seconds: z.number() }),
);

/** Runs `work` with a wall clock that `set` sets, in seconds against the true one. */
const withWallClock = (file: string, work: (set: (to: number) => void) => Promise<void>): Promise<void> =>
  withClock(file, () => work((to) => setClock(file, to)));

removeSharedClocks();

test('setting the clock from 1970, and back by an hour, disturbs nothing', {
  skip: missing('linux', '/usr/share/doc/libfaketime'),
}, async () => {
  const rack = new RunningRack(PLACE);
  const probes = await DhcpProbes.open(PLACE);
  try {
    await withWallClock(join(rack.directory, 'clock'), async (set) => {
      const unset = -Math.round(systemClock.wallTimeMs() / 1000) + 60;
      set(unset);
      await rack.startWhole();
      const first = await probes.lease();
      const lease = async () =>
        leasesShape.parse(await rack.ask('/leases')).find(({ mac }) => mac === formatMac(first.mac));
      assert.match((await lease())?.grantedAt ?? '', /^1970-01-01T/);
      const loading = loadByTftp(ADDRESS, PLACE.tftpPort, 'lpxelinux.0');

      set(0);
      const stepped = await rack.reported('clock.stepped');
      assert.ok(Math.abs(Number(stepped.byMs) + unset * 1000) < 2000, String(stepped.byMs));
      assert.equal((await loading).value.length, 44_000);
      const after = await lease();
      assert.equal(after?.state, 'bound');
      assert.ok(
        Math.abs(Date.parse(after?.grantedAt ?? '') - systemClock.wallTimeMs()) < 30_000,
        'it is shown by the clock of now',
      );
      assert.equal(
        Date.parse(after?.expiresAt ?? '') - Date.parse(after?.grantedAt ?? ''),
        (after?.seconds ?? 0) * 1000,
      );

      set(-3600);
      await rack.reported('clock.stepped', { match: ({ byMs }) => Math.abs(Number(byMs) + HOUR_MS) < 2000 });
      assert.equal((await lease())?.state, 'bound');
      assert.equal((await askName(ADDRESS, PLACE.dnsPort, 'lab.maas')).value.address, ADDRESS);
      const again = await probes.lease(first.mac);
      assert.equal(addressOf(again), addressOf(first));
      machinesShape.parse(await rack.ask('/MAAS/api/2.0/machines/'));
      await eventually('every event is stored', async () => (await rack.status()).region?.eventsWaiting === 0);
      const { uptimeMs } = await rack.status();
      assert.ok(uptimeMs > 0 && uptimeMs < 120_000, `up for ${uptimeMs} ms`);

      // The process is started again under yet another clock: in the same boot the uptime tells the age.
      await rack.kill();
      set(400_000_000);
      await rack.start();
      assert.equal((await lease())?.state, 'bound');
    });
  } finally {
    await probes.close();
    await rack.remove();
  }
});

test('when the clock jumps by a day forwards and backwards, no client gets the address of another', {
  skip: missing('linux', '/usr/share/doc/libfaketime'),
}, async () => {
  const place = labPlace(62);
  const rack = new RunningRack(place, (text) => text.replace(`${place.octets}.199`, `${place.octets}.100`));
  const probes = await DhcpProbes.open(place);
  const [holder, other] = [probes.newMac(), probes.newMac()];
  /** The only address of the range stays with its client, whichever other client wants it. */
  const hold = async (when: string): Promise<void> => {
    const from = rack.lines.length;
    assert.equal(await probes.leaseWithin(REFUSED_MS, other), undefined, `${when}: another client`);
    const isFull = ({ mac, reason }: LogLine): boolean => mac === formatMac(other) && reason === 'range-exhausted';
    await rack.reported('dhcp.refused', { from, match: isFull });
    assert.equal(addressOf(await probes.lease(holder, 'system')), `${place.octets}.100`, when);
    const leases = leasesShape.parse(await rack.ask('/leases'));
    assert.deepEqual(
      leases.map(({ mac, state }) => [mac, state]),
      [[formatMac(holder), 'bound']],
      when,
    );
  };
  try {
    await withWallClock(join(rack.directory, 'clock'), async (set) => {
      set(0);
      await rack.start();
      await probes.lease(holder, 'system');
      let days = 0;
      const jumpTo = (to: number): void => {
        set(to * DAY_SECONDS);
        days = to;
      };
      for (const to of [1, 0, -1, 1, 0]) {
        await rack.kill();
        jumpTo(to);
        await rack.start();
        await hold(`set to ${to} days while nothing ran`);
      }
      for (const to of [1, 0, -1, 1]) {
        const jumpMs = (to - days) * DAY_SECONDS * 1000;
        const match = ({ byMs }: LogLine): boolean => Math.abs(Number(byMs) - jumpMs) < 2000;
        jumpTo(to);
        await rack.reported('clock.stepped', { from: rack.lines.length, match });
        await hold(`set to ${to} days, running`);
        await rack.kill();
        await rack.start();
        await hold(`set to ${to} days, started again`);
      }
    });
  } finally {
    await probes.close();
    await rack.remove();
  }
});
