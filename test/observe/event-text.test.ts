// The sentences of events.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4, mac } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import type { RackEvent } from '../../src/ground/event.ts';
import { composeEventText, listEventFields } from '../../src/observe/event-text.ts';

const at = instant(0);
const MAC = mac(0x525400123456);
const ADDRESS = ipv4(0x0a140064);
const base = { at, mac: MAC, address: ADDRESS };

const SENTENCES: readonly (readonly [Readonly<Record<string, unknown>> & { readonly kind: string }, string])[] = [
  [
    {
      kind: 'dhcp.offer',
      source: 'unused',
      client: 'bios',
      architecture: 0,
      file: 'lpxelinux.0',
    },
    'Offered 10.20.0.100 (new) and lpxelinux.0 (BIOS, PXE)',
  ],
  [
    {
      kind: 'dhcp.offer',
      source: 'unused',
      client: 'uefi',
      architecture: 7,
      file: 'a.efi',
      loaderKey: '7',
      loaderClass: 'lab',
    },
    'Offered 10.20.0.100 (new) and a.efi (UEFI amd64, PXE; loaders 7 of class lab)',
  ],
  [
    {
      kind: 'dhcp.offer',
      source: 'unused',
      client: 'uefi-http',
      architecture: 16,
      file: 'http://r/ipxe.cfg',
      loaderKey: '16',
      loopFile: 'ipxe.efi',
      loopLoads: 3,
    },
    'Offered 10.20.0.100 (new) and http://r/ipxe.cfg (UEFI amd64, HTTP boot; boot.loaders 16, and ipxe.efi was loaded 3 times in a loop)',
  ],
  [
    {
      kind: 'dhcp.offer',
      source: 'unused',
      client: 'bios',
      architecture: 0,
      file: 'bootcode.bin',
      quirk: 'raspberry-pi',
      quirkArchitecture: 41,
    },
    'Offered 10.20.0.100 (new) and bootcode.bin (architecture 41; quirk raspberry-pi: Raspberry Pi boot ROM and bootloader)',
  ],
  [
    { kind: 'metrics.failed', port: 5249, reason: 'EADDRINUSE', retryMs: 1 },
    'Metrics cannot be served on 10.20.0.100:5249: another program, or another Rackboot on this host, has the port; give metrics.listen another one',
  ],
  [
    { kind: 'dhcp.offer', source: 'own', client: 'bios', file: 'x.bin', fileServer: '10.20.0.77' },
    'Offered 10.20.0.100 (its previous address) and x.bin from 10.20.0.77 (configured)',
  ],
  [
    { kind: 'dhcp.offer', source: 'own', client: 'bios', file: 'http://x/y', fileServer: '10.20.0.1' },
    'Offered 10.20.0.100 (its previous address) and http://x/y (configured)',
  ],
  [
    { kind: 'dhcp.offer', source: 'own', waitedSeconds: 12 },
    'Offered 10.20.0.100 (its previous address); it has been asking for 12 s',
  ],
  [
    { kind: 'dhcp.offer', source: 'own', client: 'other', architecture: 25 },
    'Offered 10.20.0.100 (its previous address) without a boot file: no loader for other, architecture 25',
  ],
  [{ kind: 'dhcp.ack', leaseSeconds: 30, renewal: false }, 'Leased 10.20.0.100 for 30 s'],
  [
    { kind: 'dhcp.store-unavailable', reason: 'disk-slow', database: 'l.db', milliseconds: 2000 },
    'Leases cannot be written (l.db: the disk has not taken a write within 2 s): none is granted until they can be, except renewals of fixed addresses',
  ],
  [
    { kind: 'dhcp.store-unavailable', reason: 'write-failed', database: 'l.db', said: 'database is full' },
    'Leases cannot be written (l.db: database is full): none is granted until they can be, except renewals of fixed addresses',
  ],
  [
    { kind: 'region.down', note: 'region-failed', reason: 'no space left', retryMs: 500 },
    'The region stopped (no space left) and restarts in 500 ms; leases, names and boots continue',
  ],
  [
    { kind: 'region.post-refused', reason: 'outbox-full' },
    'A report could not be kept while the region is away: the outbox is full of reports; bring the region back (outbox-full); the machine must try again',
  ],
  [
    {
      kind: 'http.region-unreachable',
      file: '/MAAS/',
      reason: 'region-silent',
      region: 'a:1',
      said: 'ECONNRESET',
    },
    'Requested /MAAS/ from the region at a:1 without success: the region does not answer (region-silent): ECONNRESET',
  ],
  [
    { kind: 'http.region-unreachable', file: '/MAAS/', reason: 'no-region' },
    'Requested /MAAS/ from the region without success: this rack has no region; set region.mode, or region.url, in its configuration (no-region)',
  ],
  [
    { kind: 'region.cache', note: 'cache-unread', file: 'a.json', reason: 'EIO' },
    'The cached desired state is unusable: a.json: EIO',
  ],
  [{ kind: 'dns.overloaded' }, 'DNS has too many open queries: an upstream is slow, or a client loops'],
  [
    { kind: 'dns.overloaded', name: 'n1.example' },
    'DNS has too many open queries for names of n1.example: an upstream is slow, or a client loops',
  ],
  [
    { kind: 'dhcp.ack', leaseSeconds: 600, circuitId: 'ge-0/0/7', remoteId: '0x0001' },
    'Leased 10.20.0.100 for 10 min, at port ge-0/0/7 of 0x0001',
  ],
  [{ kind: 'dhcp.ack', leaseSeconds: 600, remoteId: 'switch-12' }, 'Leased 10.20.0.100 for 10 min, behind switch-12'],
  [
    {
      kind: 'dhcp.foreign-server',
      interfaceName: 'eth1',
      leaseSeconds: 7200,
      file: 'theirs.0',
      offered: '10.20.0.200',
      evidence: 'probe',
    },
    'Another DHCP server is on eth1: 10.20.0.100 (52:54:00:12:34:56), offering 10.20.0.200 for 2 h and theirs.0 (it answered a probe); switch it off, or separate its range',
  ],
  [
    { kind: 'dhcp.foreign-server', subnet: 'far', evidence: 'client' },
    'Another DHCP server is on network far: 10.20.0.100 (52:54:00:12:34:56) (a client chose it); switch it off, or separate its range',
  ],
  [
    { kind: 'dhcp.foreign-server', interfaceName: 'eth1', isBootOnly: true, evidence: 'probe' },
    'Another DHCP server is on eth1: 10.20.0.100 (52:54:00:12:34:56), boot information only (it answered a probe); switch it off, or separate its range',
  ],
  [
    { kind: 'dhcp.foreign-server-gone', interfaceName: 'eth1' },
    'The other DHCP server 10.20.0.100 on eth1 no longer answers',
  ],
  [{ kind: 'dhcp.ack', leaseSeconds: 600, renewal: true, hostname: 'web1' }, 'Renewed 10.20.0.100 for 10 min (web1)'],
  [
    { kind: 'dhcp.nak', reason: 'wrong-network' },
    'Denied 10.20.0.100: the client has, or asks for, an address of another network; it has moved (wrong-network)',
  ],
  [
    { kind: 'dhcp.refused', reason: 'network-unknown', relay: '10.99.0.1', wanted: '10.99.0.1', circuitId: 'eth0/1' },
    "Got no answer: no served network holds 10.99.0.1, the relay's address; add it to the cluster interfaces (network-unknown), at port eth0/1",
  ],
  [
    { kind: 'dhcp.refused', reason: 'network-unknown', relay: '10.20.0.1', wanted: '10.99.0.1' },
    'Got no answer: no served network holds 10.99.0.1; add it to the cluster interfaces (network-unknown), through the relay 10.20.0.1',
  ],
  [
    { kind: 'dhcp.refused', reason: 'not-a-request', from: '10.20.0.9' },
    'Got no answer: the message is a reply of a server, not a request of a client (not-a-request), from 10.20.0.9',
  ],
  [
    { kind: 'dhcp.malformed', reason: 'too-short', field: 'op', offset: 0, interfaceName: 'eth1', from: '10.20.0.9' },
    'Invalid DHCP message on eth1 from 10.20.0.9: too-short in op at byte 0',
  ],
  [
    { kind: 'dhcp.refused', reason: 'range-exhausted', count: 7 },
    'Got no answer: every dynamic address is leased, offered or declined; enlarge the dynamic range (range-exhausted) (1 of 7 similar events)',
  ],
  [
    {
      kind: 'tftp.sent',
      file: 'lpxelinux.0',
      bytes: 44_000,
      milliseconds: 412,
      blockBytes: 1408,
      windowBlocks: 1,
      repeatedBlocks: 3,
    },
    'Loaded lpxelinux.0 by TFTP (43.0 KiB in 412 ms, blocks of 1408, 3 blocks sent again)',
  ],
  [{ kind: 'tftp.sent', file: 'grub/grub.cfg', purpose: 'enlist', bytes: 300 }, 'Loaded its configuration to enlist'],
  [
    { kind: 'tftp.missing', file: 'x.lst', reason: 'not-in-tree' },
    'Requested x.lst by TFTP: there is no such file in the boot tree (not-in-tree)',
  ],
  [
    { kind: 'tftp.aborted', file: 'bootx64.efi', bytes: 2048, code: 3, reason: 'Disk full' },
    'Aborted the transfer of bootx64.efi after 2.0 KiB (error 3 "Disk full")',
  ],
  [
    { kind: 'http.file-sent', file: '/amd64/linux', status: 200, bytes: 8_388_608, milliseconds: 2400 },
    'Loaded /amd64/linux by HTTP (8.0 MiB in 2.4 s)',
  ],
  [
    { kind: 'http.posted', file: '/MAAS/api/2.0/machines/', status: 200, milliseconds: 12 },
    'Reported its hardware (12 ms)',
  ],
  [
    { kind: 'http.posted', file: '/MAAS/metadata/', operation: 'signal', status: 403 },
    'Sent a report to /MAAS/metadata/ (signal), refused by the region with 403',
  ],
  [
    { kind: 'http.posted', file: '/MAAS/x/', status: 400, reason: 'invalid-parameters', said: '{"mac":["bad"]}' },
    'Sent a report to /MAAS/x/, refused by the region with 400: {"mac":["bad"]} (invalid-parameters)',
  ],
  [
    { kind: 'http.forwarded', file: '/MAAS/x/', status: 404, reason: 'not-found', milliseconds: 3 },
    'Requested /MAAS/x/, refused by the region with 404: not-found',
  ],
  [
    { kind: 'machine.changed', name: 'web1.maas', status: 'Deployed', purpose: 'local' },
    'Now web1.maas (Deployed): its next boot uses its own disk',
  ],
];

test('an event is a sentence with its sizes, times, decision and reason', () => {
  for (const [fields, sentence] of SENTENCES) {
    const event: RackEvent = { ...base, ...fields };
    assert.equal(composeEventText(event), sentence);
  }
});

test('the problems of a refused configuration are joined, without an escaped line break', () => {
  const refused = { kind: 'config.refused', at, file: 'f', source: 'file', problems: 'f:3: one\nf:4: two' };
  assert.equal(composeEventText(refused), 'Refused f, keeping the previous configuration: f:3: one; f:4: two');
  assert.equal(listEventFields(refused).problems, 'f:3: one\nf:4: two');
});

test('a client without a known hardware address is named by its IP address', () => {
  const reported = (fields: Omit<RackEvent, 'at'> & Record<string, unknown>): string =>
    composeEventText({ at, address: ADDRESS, ...fields });
  assert.match(
    reported({ kind: 'tftp.refused', reason: 'network-not-served' }),
    /^10\.20\.0\.100 requested a file by TFTP, which was refused: /,
  );
  assert.match(reported({ kind: 'http.missing', file: '/x' }), /^10\.20\.0\.100 requested \/x by HTTP/);
  assert.equal(reported({ kind: 'tftp.listening', port: 69 }), 'TFTP listens on 10.20.0.100:69');
  assert.match(reported({ kind: 'tftp.failed', file: 'x' }), /^x could not be read for TFTP/);
});

test('a log line keeps its fields as values; addresses become text', () => {
  const seen = { ...base, kind: 'dhcp.ack', file: 'ipxe.cfg', none: undefined };
  assert.deepEqual(listEventFields(seen), { mac: '52:54:00:12:34:56', address: '10.20.0.100', file: 'ipxe.cfg' });
});

test('text of strangers in the fields of a log line has escapes in place of control characters', () => {
  const missed = { ...base, kind: 'tftp.missing', file: 'a\u001b[2J\u009b1m\nb' };
  assert.equal(listEventFields(missed).file, 'a\\x1b[2J\\x9b1m\\x0ab');
});
