// The leases of loading machines: the events that show a loading machine, and the conditions for keeping its lease.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Loading } from '../../../src/daemon/rack/loading.ts';
import type { Lease } from '../../../src/dhcp/leases/lease.ts';
import { isActive } from '../../../src/dhcp/leases/lease-table.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { later, seconds } from '../../../src/ground/clock.ts';
import type { HttpEvent } from '../../../src/http/events.ts';
import type { TftpEvent } from '../../../src/tftp/events.ts';
import { config, labState, MAC_A, MAC_B, subnet } from '../../dhcp/lab.ts';
import { ip } from '../../support/lab-facts.ts';
import { VirtualClock } from '../../support/virtual-clock.ts';

const ADDRESS = ip('10.20.0.100');
const PXE_MS = 30_000;

type LoadEvent = Omit<HttpEvent, 'at' | 'address' | 'kind'> & Pick<HttpEvent | TftpEvent, 'kind'>;

/** True if this event keeps a lease of 30 s running. */
function isKeptBy(event: LoadEvent, changes: Partial<DhcpSubnet> = {}): boolean {
  const clock = new VirtualClock();
  const state = labState(config(subnet(changes)));
  const { leases: table } = state;
  const adopt = (leases: readonly Lease[]): number => {
    for (const lease of leases) table.apply(lease, 1);
    table.settle(1);
    return 1;
  };
  const loading = new Loading({ clock, table, servers: () => [], dhcp: { state: () => state, adopt } });
  const now = clock.now();
  const terms = { grantedAt: now, expiresAt: later(now, PXE_MS), duration: seconds(PXE_MS / 1000) };
  adopt([{ address: ADDRESS, mac: MAC_A, state: 'bound', ...terms }]);
  clock.advance(20_000);
  loading.note({ ...event, at: clock.now(), address: ADDRESS });
  clock.advance(PXE_MS);
  loading.close();
  return isActive(table.find(ADDRESS), clock.now());
}

test('a machine is loading if it gets a file, its configuration, or an answer of the region to booting machines', () => {
  const cases: [LoadEvent, boolean][] = [
    [{ kind: 'tftp.sent' }, true],
    [{ kind: 'tftp.missing' }, false],
    [{ kind: 'tftp.refused' }, false],
    [{ kind: 'http.file-sent', file: '/amd64/linux', status: 200 }, true],
    [{ kind: 'http.file-sent', file: '/amd64/linux', status: 206 }, true],
    [{ kind: 'http.rendered', file: '/pxelinux.cfg/default', status: 200 }, true],
    [{ kind: 'http.probed', file: '/amd64/linux', status: 200 }, false],
    [{ kind: 'http.missing', file: '/nothing', status: 404 }, false],
    [{ kind: 'http.refused', status: 405 }, false],
    [{ kind: 'http.aborted', file: '/amd64/linux', status: 200 }, false],
    [{ kind: 'http.forwarded', file: '/MAAS/metadata/latest/user-data', status: 200 }, true],
    [{ kind: 'http.forwarded', file: '/MAAS/rackboot/agent.sh', status: 200 }, true],
    [{ kind: 'http.forwarded', file: '/MAAS/rackboot/1/job', status: 200 }, true],
    [{ kind: 'http.forwarded', file: '/MAAS/rackboot/1/job', status: 403 }, false],
    [{ kind: 'http.forwarded', file: '/MAAS/x', status: 404 }, false],
    [{ kind: 'http.forwarded', file: '/MAAS/', status: 200 }, false],
    [{ kind: 'http.forwarded', file: '/MAAS/api/2.0/version/', status: 200 }, false],
    [{ kind: 'http.posted', file: '/MAAS/api/2.0/machines/', status: 200 }, true],
    [{ kind: 'http.posted', file: '/MAAS/api/2.0/machines/', status: 400 }, false],
    [{ kind: 'http.posted', file: '/MAAS/rackboot/1/signal', status: 200 }, true],
    [{ kind: 'http.posted', file: '/MAAS/login', status: 200 }, false],
    [{ kind: 'http.region-unreachable', file: '/MAAS/rackboot/1/job' }, false],
  ];
  for (const [event, expected] of cases) assert.equal(isKeptBy(event), expected, JSON.stringify(event));
});

test('a loading machine’s lease still ends if its address now belongs to another machine, or its client is denied', () => {
  const loads: readonly LoadEvent[] = [
    { kind: 'tftp.sent' },
    { kind: 'http.file-sent', file: '/amd64/linux', status: 200 },
  ];
  for (const event of loads) {
    assert.equal(isKeptBy(event), true);
    assert.equal(isKeptBy(event, { reservations: [{ mac: MAC_B, address: ADDRESS }] }), false);
    assert.equal(isKeptBy(event, { classes: [{ name: 'guests', when: {}, deny: true }] }), false);
  }
});
