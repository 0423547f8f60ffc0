// DHCP with the clients that people run, over a cable between two network namespaces, with sockets, journal and disk as in service: a
// lease, its renewal by unicast, its release; a restart; an interface that is deleted and created again.
// @host rests

import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import { readBootId, seconds, systemClock, uptimeSeconds } from '../../src/clock.ts';
import { restoreLeases } from '../../src/dhcp/leases/lease-clock.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { DhcpServer } from '../../src/dhcp/server.ts';
import type { RackEvent } from '../../src/event.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import { formatIpv4 } from '../../src/net/address.ts';
import type { HostNetwork } from '../../src/net/datagrams/datagram.ts';
import { openNetwork } from '../../src/net/datagrams/open-network.ts';
import { openInterfaceWatch } from '../../src/net/watch/interfaces.ts';
import { openLeaseJournal, type WorkerLeaseJournal } from '../../src/store/leases/lease-journal.ts';
import { config, planByKind, subnet } from '../dhcp/lab.ts';
import { ended, endProgram } from '../support/child.ts';
import { missing } from '../support/needs.ts';
import { enterOwnNetwork, ip, openPeer, type Peer, until } from '../support/own-network.ts';

const SKIP = missing('linux', 'root', 'ip', 'unshare', 'busybox', 'dhclient');
if (SKIP === false) enterOwnNetwork();

const HERE = 'dhcp0';
const THERE = 'dhcp1';
/** udhcpc takes no shorter lease for its timers; it renews after half of it. */
const LEASE_SECONDS = 16;

/** Everything between the wire and the disk. */
class Service {
  readonly events: RackEvent[] = [];
  readonly server: DhcpServer;
  readonly #network: HostNetwork;
  readonly #journal: WorkerLeaseJournal;

  constructor(network: HostNetwork, journal: WorkerLeaseJournal, table: LeaseTable) {
    this.#network = network;
    this.#journal = journal;
    const directory = new MachineDirectory([]);
    this.server = new DhcpServer({
      network,
      journal,
      table,
      clock: systemClock,
      planBoot: planByKind,
      identifyClient: identifyBootClient,
      publish: (event) => void this.events.push(event),
      machines: () => directory,
    });
  }

  count(kind: string): number {
    return this.events.filter((event) => event.kind === kind).length;
  }

  /** The address of the last event of a kind. */
  addressOf(kind: string): string | undefined {
    const address = this.events.findLast((event) => event.kind === kind)?.address;
    return address === undefined ? undefined : formatIpv4(address);
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.#journal.close();
    await this.#network.close();
  }
}

/** Runs a program on the peer to its end, while the server here continues. @returns its exit code. */
async function run(peer: Peer, ...command: readonly string[]): Promise<unknown> {
  return await ended(peer.start(...command));
}

async function startService(stateDir: string, native: boolean, leaseSeconds: number): Promise<Service> {
  const network = await openNetwork({ native });
  const { journal, leases } = await openLeaseJournal({ stateDir, clock: systemClock });
  const now = systemClock.now();
  const moment = { now, wallMs: systemClock.wallTimeMs(), bootId: readBootId(), uptimeS: uptimeSeconds() };
  const table = new LeaseTable();
  table.load(restoreLeases(leases, moment), now);
  const service = new Service(network, journal, table);
  const problems = await service.server.configure(
    config(subnet({ interfaceName: HERE, leaseTime: seconds(leaseSeconds) })),
  );
  assert.deepEqual(problems, []);
  return service;
}

for (const native of [true, false]) {
  describe(`DHCP over ${native ? 'native' : 'portable'} sockets`, { skip: SKIP }, () => {
    let peer: Peer;
    let folder: string;
    let service: Service;
    /** Programs that the running test has started and not awaited. */
    const clients: ChildProcess[] = [];

    before(async () => {
      peer = await openPeer();
    });
    after(() => peer.close());

    beforeEach(async () => {
      folder = mkdtempSync(join(tmpdir(), 'rackboot-dhcp-'));
      const script = '#!/bin/sh\n[ "$1" = bound ] && ip addr replace "$ip/24" dev "$interface"\nexit 0\n';
      writeFileSync(join(folder, 'script'), script, { mode: 0o755 });
      peer.cable(HERE, THERE);
      ip(`addr add 10.20.0.1/24 dev ${HERE}`);
      service = await startService(folder, native, LEASE_SECONDS);
    });
    afterEach(async () => {
      for (const client of clients.splice(0)) client.kill('SIGKILL');
      await service.close();
      ip(`link del ${HERE}`);
      rmSync(folder, { recursive: true, force: true });
    });

    const udhcpc = (...more: readonly string[]): readonly string[] => [
      'busybox',
      'udhcpc',
      '-f',
      '-i',
      THERE,
      '-s',
      join(folder, 'script'),
      '-t',
      '8',
      '-T',
      '1',
      '-A',
      '1',
      ...more,
    ];

    it('udhcpc gets a lease, renews it by unicast and releases it', async () => {
      const client = peer.start(...udhcpc('-R'));
      clients.push(client);
      await until(() => service.count('dhcp.ack') === 1);
      const address = service.addressOf('dhcp.ack');
      await until(() => service.count('dhcp.ack') === 2, LEASE_SECONDS * 1000);
      assert.equal(service.addressOf('dhcp.ack'), address);
      assert.equal(service.count('dhcp.offer'), 1, 'the second lease is a renewal');
      await endProgram(client);
      await until(() => service.count('dhcp.release') === 1);
      assert.equal(service.addressOf('dhcp.release'), address);
      assert.equal(service.count('dhcp.refused'), 0);
    });

    it('dhclient and udhcpc of one interface get one address, even after a restart', async () => {
      assert.equal(await run(peer, ...udhcpc('-n', '-q')), 0);
      const address = service.addressOf('dhcp.ack');
      assert.match(address ?? '', /^10\.20\.0\.10\d$/);
      await service.close();
      service = await startService(folder, native, LEASE_SECONDS);
      const files = ['-lf', join(folder, 'leases'), '-pf', join(folder, 'pid')];
      clients.push(peer.start('dhclient', '-d', '-1', '-sf', '/bin/true', ...files, THERE));
      await until(() => service.count('dhcp.ack') === 1, 15_000);
      assert.equal(service.addressOf('dhcp.ack'), address);
      assert.equal(service.server.leases().length, 1);
    });

    it('a lease that is not renewed ends on time', async () => {
      await service.close();
      service = await startService(folder, native, 2);
      assert.equal(await run(peer, ...udhcpc('-n', '-q')), 0);
      await until(() => service.count('dhcp.expired') === 1);
      assert.equal(service.addressOf('dhcp.expired'), service.addressOf('dhcp.ack'));
    });
  });
}

describe('DHCP on an interface that is created again', { skip: SKIP }, () => {
  it('answers again without a restart, but not before the interface has its address', async () => {
    const peer = await openPeer();
    const folder = mkdtempSync(join(tmpdir(), 'rackboot-dhcp-'));
    peer.cable(HERE, THERE);
    ip(`addr add 10.20.0.1/24 dev ${HERE}`);
    const network = await openNetwork();
    const { journal } = await openLeaseJournal({ stateDir: folder, clock: systemClock });
    const service = new Service(network, journal, new LeaseTable());
    const watch = await openInterfaceWatch({ clock: systemClock });
    watch.onChange((interfaces) => {
      network.interfacesChanged(interfaces);
      void service.server.setInterfaces(interfaces);
    });
    const ask = (): Promise<unknown> =>
      run(peer, 'busybox', 'udhcpc', '-f', '-n', '-q', '-i', THERE, '-s', '/bin/true', '-t', '2', '-T', '1');
    try {
      await service.server.configure(config(subnet({ interfaceName: HERE })));
      await service.server.setInterfaces(watch.current());
      await ask();
      assert.equal(service.count('dhcp.ack'), 1);
      ip(`link del ${HERE}`);
      await until(() => !service.server.sockets().some(({ name }) => name === HERE));
      peer.cable(HERE, THERE);
      await until(() => service.server.sockets().some(({ name }) => name === HERE));
      await ask();
      assert.equal(service.count('dhcp.ack'), 1, 'no answer without the configured address');
      const reasons = service.events.map((event) => ('reason' in event ? event.reason : undefined));
      assert.ok(reasons.includes('interface-without-address'));
      ip(`addr add 10.20.0.1/24 dev ${HERE}`);
      await until(() => watch.current().some(({ name, addresses }) => name === HERE && addresses.length > 0));
      await ask();
      assert.equal(service.count('dhcp.ack'), 2);
    } finally {
      await watch.close();
      await service.close();
      await peer.close();
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
