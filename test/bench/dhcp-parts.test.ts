// The parts of the DHCP benchmark, without servers: lease files, clients, traces and profiles.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import { readAnswer, Slot, TYPE, writeDiscover } from '../../bench/dhcp-client.ts';
import { Clients } from '../../bench/dhcp-clients.ts';
import { durabilityOf } from '../../bench/dhcp-durability.ts';
import { writeDnsmasqLeases, writeIscLeases, writeKeaLeases } from '../../bench/dhcp-existing.ts';
import { isSteady } from '../../bench/dhcp-phase.ts';
import { formatDhcpTable } from '../../bench/dhcp-table.ts';
import { selfTimes } from '../../bench/self-time.ts';
import { CpuAccount, readCpuSeconds } from '../../bench/server-cpu.ts';
import { sleep } from '../../src/clock.ts';
import { readLeaseFile } from '../../src/dhcp/import/lease-file.ts';
import { formatIpv4, formatMac, ipv4, parseIpv4 } from '../../src/net/address.ts';
import type { SystemCall } from '../support/system-calls.ts';

const directory = mkdtempSync(join(tmpdir(), 'rackboot-bench-test-'));
after(() => rmSync(directory, { recursive: true, force: true }));

const LOW = ipv4(0x0a590000);
const RANGE = { low: LOW, size: 1000 };
const WALL_SECONDS = 2_000_000_000;

test('all lease files have the same clients, addresses and ends', () => {
  const leases = { range: RANGE, count: 4, leaseSeconds: 7200, wallSeconds: WALL_SECONDS };
  const expected = [0, 1, 2, 3].map((client) => ({
    address: formatIpv4(ipv4(LOW + client * 250)),
    mac: `02:be:00:00:00:0${client}`,
    expiresWallMs: (WALL_SECONDS + 3600 + client * 900) * 1000,
  }));
  for (const [format, write] of [
    ['kea', writeKeaLeases],
    ['isc', writeIscLeases],
    ['dnsmasq', writeDnsmasqLeases],
  ] as const) {
    const file = join(directory, format);
    write(file, leases);
    const entries = [...readLeaseFile(format, readFileSync(file, 'utf8').split('\n'), WALL_SECONDS * 1000)];
    const read = entries.map((entry) =>
      entry.kind === 'lease' && entry.lease.state === 'bound'
        ? {
            address: formatIpv4(entry.lease.address),
            mac: entry.lease.mac === undefined ? '' : formatMac(entry.lease.mac),
            expiresWallMs: entry.lease.expiresWallMs,
          }
        : entry,
    );
    assert.deepEqual(read, expected, format);
  }
});

test('clients renew in a scattered order, at the earliest a second after their last ACK, and share no address', () => {
  const clients = new Clients(RANGE, 100);
  assert.equal(clients.addressOf(99), LOW + 990);
  const newcomer = clients.newcomer() ?? 0;
  assert.equal(newcomer, 100);
  assert.match(clients.leased(newcomer, LOW + 990, 5000) ?? '', /is client 99's/);
  assert.match(clients.leased(newcomer, LOW + 1000, 5000) ?? '', /outside the range/);
  assert.equal(clients.leased(newcomer, LOW + 991, 5000), undefined);
  clients.shuffle();
  const renewed = new Set<number>();
  const inOrder: number[] = [];
  for (let count = 0; count < 101; count += 1) {
    const client = clients.renewer(6200) ?? -1;
    renewed.add(client);
    inOrder.push(client);
    assert.equal(clients.leased(client, clients.addressOf(client), 6200), undefined);
  }
  assert.equal(renewed.size, 101);
  assert.notDeepEqual(
    inOrder,
    inOrder.toSorted((a, b) => a - b),
  );
  assert.equal(clients.renewer(7200), undefined);
  assert.equal(clients.renewalWaitMs(7200), 100);
  assert.equal(clients.renewalWaitMs(7400), 0);
  assert.notEqual(clients.renewer(7300), undefined);
});

test('if too many clients could renew, the earliest ones do', () => {
  const clients = new Clients(RANGE, 100);
  for (let count = 0; count < 50; count += 1) clients.leased(clients.newcomer() ?? 0, LOW + count * 10 + 1, 0);
  clients.shuffle(120);
  const renewing = new Set(Array.from({ length: 120 }, () => clients.renewer(5000)));
  assert.equal(renewing.size, 120);
  assert.equal(Math.max(...[...renewing].map((client) => client ?? -1)), 119);
});

test('a warm-up ends when the rate stops growing from one second to the next, but not in the first three', () => {
  const flat = Array.from({ length: 12 }, () => 100);
  const cases: readonly (readonly [string, readonly number[], boolean])[] = [
    ['flat for three seconds', flat, true],
    ['flat for less', flat.slice(1), false],
    ['it grows', flat.map((count, index) => count + index * 10), false],
    ['it grows again after a dip', [...flat.slice(4), 20, 40, 80, 90, 100, 100, 100, 100], false],
    ['it falls', flat.map((count, index) => count - index), true],
    ['nothing at all', flat.map(() => 0), true],
  ];
  for (const [name, windows, steady] of cases) assert.equal(isSteady(windows), steady, name);
});

test('the table of docs/performance.md has a row per part, and one for what is on disk', () => {
  const part = '1 000 leases: DORA, 32 in flight';
  const result = (metric: string, rackboot: number, kea: number) => ({ metric, unit: '', rackboot, peers: { kea } });
  const results = [
    result(part, 22345, 20111),
    result(`${part}, OFFER p50`, 9, 9),
    result(`${part}, all p50`, 1.234, 0.5),
    result(`${part}, all p99`, 4.56, 120.4),
    result(`${part}, server CPU each`, 52.34, 1234),
    result('traced, 1 at a time: ACKs that leave after a sync of their lease', 1, 0),
    result('traced, 1 at a time: syncs for a lease', 1, 0),
    result('traced, 32 at a time: syncs for a lease', 0.0449, 0),
  ];
  assert.deepEqual(formatDhcpTable(results).split('\n'), [
    '| a second (p50, p99; server CPU each) | Rackboot | Kea 2.2 (memfile) |',
    '| --- | --- | --- |',
    '| leases/s, 32 at a time, 1 000 leases there | 22 300 (1.2, 4.6 ms; 52.3 µs) | 20 100 (0.5, 120 ms; 1 230 µs) |',
    '| an ACK leaves after | its sync (1 a lease, 0.045 with 32 at a time) | a write, no sync |',
  ]);
});

test('a reply to another client, or other bytes, does not count as an answer', () => {
  const slot = new Slot();
  slot.client = 7;
  slot.xid = 9;
  writeDiscover(slot, parseIpv4('10.88.0.2') ?? LOW);
  const reply = Buffer.from(slot.bytes);
  assert.equal(readAnswer(reply, slot), undefined);
  reply[0] = 2;
  reply.writeUInt32BE(LOW, 16);
  assert.deepEqual(readAnswer(reply, slot), { type: TYPE.discover, address: LOW, serverId: undefined });
  reply.writeUInt32BE(8, 30);
  assert.equal(readAnswer(reply, slot), undefined);
});

test('an ACK counts as synced only when its write was synced after the OFFER', () => {
  const reply = (type: number): SystemCall => {
    const bytes = Buffer.alloc(300);
    bytes[0] = 2;
    bytes.writeUInt32BE(0x63825363, 236);
    bytes.set([53, 1, type, 255], 240);
    return { kind: 'send', datagrams: [bytes] };
  };
  const write: SystemCall = { kind: 'write', path: '/state/leases.db-wal', offset: 0, bytes: Buffer.alloc(100) };
  const sync: SystemCall = { kind: 'sync', path: '/state/leases.db-wal' };
  const elsewhere: SystemCall = { kind: 'sync', path: '/state/region.db' };
  const [offer, ack] = [reply(TYPE.offer), reply(TYPE.ack)];
  const cases: readonly (readonly [string, readonly SystemCall[], number])[] = [
    ['written, synced, sent', [offer, write, sync, ack], 1],
    ['written and sent', [offer, write, ack], 0],
    ['sent before its sync', [offer, write, ack, sync], 0],
    ['synced before its write', [offer, sync, write, ack], 0],
    ['synced for the lease before', [write, sync, offer, ack], 0],
    ['another file was synced', [offer, write, elsewhere, ack], 0],
  ];
  for (const [name, calls, syncedAcks] of cases) {
    const found = durabilityOf(calls);
    assert.deepEqual([found.acks, found.syncedAcks], [1, syncedAcks], name);
  }
});

test('a function’s time is its self time, and idle time belongs to no function', () => {
  const node = (id: number, functionName: string, url = '') => ({
    id,
    callFrame: { functionName, url, lineNumber: 4 },
  });
  const profile = {
    nodes: [node(1, '(idle)'), node(2, 'decide', 'file:///top/src/a.ts'), node(3, '')],
    samples: [1, 2, 3, 2, 1],
    timeDeltas: [0, 900, 30, 10, 60],
  };
  assert.deepEqual(selfTimes(profile, '/top', 10), [
    { name: 'decide src/a.ts:5', share: 0.9 },
    { name: '(anonymous)', share: 0.1 },
  ]);
});

test('a control group counts the CPU time of its process, and is removed afterwards', async () => {
  const account = CpuAccount.open();
  // Without a control group, the benchmark reads /proc.
  if (account === undefined) return;
  const child = spawn(process.execPath, ['-e', 'for (let sum = 0; ; sum += 1);'], { stdio: 'ignore' });
  const ended = once(child, 'exit');
  const { pid = 0 } = child;
  account.add(pid);
  assert.deepEqual(account.pids(), [pid]);
  while (readCpuSeconds(account.fd) < 0.1) await sleep(20);
  child.kill('SIGKILL');
  await ended;
  await account.remove();
  assert.throws(() => readCpuSeconds(account.fd), { code: 'EBADF' });
});
