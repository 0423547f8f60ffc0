// DHCP by portable sockets, for hosts without the native ones, with a real client over a cable between two network namespaces: a lease, its
// renewal by unicast, its release. clients-dhcp.test.ts has native sockets, and more clients.
// @host rests

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import { seconds, systemClock } from '../../src/clock.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import type { RackEvent } from '../../src/event.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { openNetwork } from '../../src/net/datagrams/open-network.ts';
import { openLeaseJournal } from '../../src/store/leases/lease-journal.ts';
import { config, planByKind, subnet } from '../dhcp/lab.ts';
import { endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, until } from '../support/own-network.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'busybox');
if (SKIP === false) enterOwnNetwork();

const HERE = 'dhcp0';
const THERE = 'dhcp1';
/** udhcpc takes no shorter lease for its timers; it renews after half of it. */
const LEASE_SECONDS = 16;

test('udhcpc gets a lease by portable sockets, renews it by unicast and releases it', { skip: SKIP }, async () => {
  const peer = await openPeer();
  const folder = mkdtempSync(join(tmpdir(), 'rackboot-dhcp-'));
  const script = '#!/bin/sh\n[ "$1" = bound ] && ip addr replace "$ip/24" dev "$interface"\nexit 0\n';
  writeFileSync(join(folder, 'script'), script, { mode: 0o755 });
  peer.cable(HERE, THERE);
  ip(`addr add 10.20.0.1/24 dev ${HERE}`);
  const network = await openNetwork({ native: false });
  const { journal } = await openLeaseJournal({ stateDir: folder, clock: systemClock });
  const directory = new MachineDirectory([]);
  const events: RackEvent[] = [];
  const server = new DhcpServer({
    network,
    journal,
    table: new LeaseTable(),
    clock: systemClock,
    planBoot: planByKind,
    identifyClient: identifyBootClient,
    publish: (event) => void events.push(event),
    machines: () => directory,
  });
  const addressesOf = (kind: string) => events.filter((event) => event.kind === kind).map(({ address }) => address);
  try {
    const lab = config(subnet({ interfaceName: HERE, leaseTime: seconds(LEASE_SECONDS) }));
    assert.deepEqual(await server.configure(lab), []);
    const words = ['-f', '-R', '-i', THERE, '-s', join(folder, 'script'), '-t', '8', '-T', '1', '-A', '1'];
    const client = peer.start('busybox', 'udhcpc', ...words);
    await until(() => addressesOf('dhcp.ack').length === 2, LEASE_SECONDS * 1000);
    const [address, renewed] = addressesOf('dhcp.ack');
    assert.equal(renewed, address);
    assert.equal(addressesOf('dhcp.offer').length, 1, 'the second lease is a renewal');
    await endProgram(client);
    await until(() => addressesOf('dhcp.release').length === 1);
    assert.deepEqual(addressesOf('dhcp.release'), [address]);
    assert.deepEqual(addressesOf('dhcp.refused'), []);
  } finally {
    await server.close();
    await journal.close();
    await network.close();
    await peer.close();
    rmSync(folder, { recursive: true, force: true });
  }
});
