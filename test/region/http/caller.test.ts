// The origin of a request.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIpv4, type Ipv4, parseNetwork } from '../../../src/ground/address.ts';
import { findPeer, type KnownRacks, type Peer } from '../../../src/region/api/call/caller.ts';
import { isEncrypted } from '../../../src/region/api/call/proxies.ts';
import type { RegionConfig } from '../../../src/region/config.ts';

const network = parseNetwork('10.20.0.0/24');
const CONFIG: RegionConfig = {
  listen: [],
  stateDir: '/nowhere',
  managedNetworks: network === undefined ? [] : [network],
  domain: 'maas',
  newMachinesMax: 1,
  rackSecret: 'secret',
};

function peer(socketAddress: string, headers: Readonly<Record<string, string>> = {}, config = CONFIG) {
  return findPeer({ socketAddress, header: (name) => headers[name] }, config);
}

const inFar = (address: Ipv4) => formatIpv4(address).startsWith('10.50.0.');
/** A remote rack, known by `token:right`, that serves 10.50.0.0/24. */
const FAR: KnownRacks = {
  serves: inFar,
  speakerFor: (key, address) => (key === 'token:right' && inFar(address) ? 'far' : undefined),
  homes: { mayVouch: async () => true },
  holderOf: () => undefined,
};

function remote(forwarded: string | undefined, key: string | undefined = 'token:right', from = '192.0.2.9') {
  const headers: Record<string, string> = {};
  if (forwarded !== undefined) headers['x-forwarded-for'] = forwarded;
  if (from === '192.0.2.9' || key !== 'token:right') headers['x-rackboot-rack'] = key;
  return findPeer({ socketAddress: from, header: (name) => headers[name] }, CONFIG, FAR);
}

const RACK = { 'x-rackboot-rack': 'secret' };
const PEERS: readonly (readonly [string, Peer, boolean, string])[] = [
  ['a machine of a managed network', peer('10.20.0.5'), true, '10.20.0.5'],
  ['the same through a socket of both families', peer('::ffff:10.20.0.5'), true, '10.20.0.5'],
  ['a machine elsewhere', peer('10.20.1.5'), false, '10.20.1.5'],
  ['an IPv6 address', peer('fe80::1'), false, 'fe80::1'],
  ['this host', peer('127.0.0.1'), false, '127.0.0.1'],
  ['this host, by IPv6', peer('::1'), false, '::1'],
  ['a proxy on this host', peer('127.0.0.1', { 'x-forwarded-for': '10.20.0.5' }), false, '127.0.0.1'],
  ['a proxy that says Forwarded', peer('127.0.0.1', { forwarded: 'for=10.20.0.5' }), false, '127.0.0.1'],
  ['a rack', peer('127.0.0.1', { ...RACK, 'x-forwarded-for': '10.20.0.5' }), true, '10.20.0.5'],
  ['a rack that names this host', peer('10.20.0.1', { ...RACK, 'x-forwarded-for': '127.0.0.1' }), false, '127.0.0.1'],
  ['a remote rack, of an address in its network', remote('10.50.0.9'), true, '10.50.0.9'],
  ['a remote rack, of an address elsewhere', remote('10.51.0.9'), false, '192.0.2.9'],
  ['a remote rack, of an address of the region', remote('10.20.0.9'), false, '192.0.2.9'],
  ['a remote rack that names nobody', remote(undefined), false, '192.0.2.9'],
  ['a remote rack with a wrong key', remote('10.50.0.9', 'token:wrong'), false, '192.0.2.9'],
  ['one with a wrong key in a managed network', remote(undefined, 'token:wrong', '10.50.0.9'), false, '10.50.0.9'],
  ["a machine of a remote rack's network", remote(undefined, undefined, '10.50.0.9'), true, '10.50.0.9'],
  ['a rack that names nobody', peer('10.20.0.1', RACK), false, ''],
  [
    'a rack that names two',
    peer('10.20.0.1', { ...RACK, 'x-forwarded-for': '10.20.0.5, 1.1.1.1' }),
    false,
    '10.20.0.5, 1.1.1.1',
  ],
  [
    'anybody, when there is no secret',
    peer('10.9.9.9', { 'x-rackboot-rack': '', 'x-forwarded-for': '10.20.0.5' }, { ...CONFIG, rackSecret: '' }),
    false,
    '10.9.9.9',
  ],
];

const BALANCED: RegionConfig = {
  ...CONFIG,
  proxies: ['192.0.2.4/32', '127.0.0.1/32'].flatMap((text) => parseNetwork(text) ?? []),
};
/** A request through the site's load balancer. */
const balanced = (forwarded: string, headers: Readonly<Record<string, string>> = {}, from = '192.0.2.4') =>
  findPeer(
    { socketAddress: from, header: (name) => ({ ...headers, 'x-forwarded-for': forwarded })[name] },
    BALANCED,
    FAR,
  );

const BALANCED_PEERS: readonly (readonly [string, Peer, boolean, string])[] = [
  ['the client that it adds', balanced('10.20.0.5'), true, '10.20.0.5'],
  ['and not the one that the client wrote', balanced('10.20.0.5, 198.51.100.7'), false, '198.51.100.7'],
  ['the client before two of them', balanced('10.20.0.6, 10.20.0.5, 127.0.0.1'), true, '10.20.0.5'],
  ['itself, if it names nobody', balanced(''), false, '192.0.2.4'],
  ['a client by IPv6', balanced('2001:db8::7'), false, '2001:db8::7'],
  ['a client on its host, which is not this one', balanced('127.0.0.1', {}, '127.0.0.1'), false, '127.0.0.1'],
  ['nobody, where another host sends it', balanced('10.20.0.5', {}, '192.0.2.5'), false, '192.0.2.5'],
  [
    'a machine for which a remote rack speaks',
    balanced('10.50.0.9, 10.50.0.1', { 'x-rackboot-rack': 'token:right' }),
    true,
    '10.50.0.9',
  ],
  [
    'a rack, for whose machine its client cannot speak',
    balanced('10.50.0.9, 198.51.100.7', { 'x-rackboot-rack': 'token:wrong' }),
    false,
    '198.51.100.7',
  ],
];
for (const [name, found, isManaged, address] of BALANCED_PEERS) {
  test(`a load balancer of the site names ${name}`, () => {
    assert.deepEqual([found.address, found.isManaged], [address, isManaged]);
  });
}

const SPELLINGS: readonly (readonly [address: string, spellings: readonly string[]])[] = [
  [
    '10.20.0.5',
    [
      '10.20.0.5:40001',
      '10.20.0.5:40002',
      '10.20.0.5:',
      '10.20.0.5:_port',
      '"10.20.0.5"',
      '"10.20.0.5:40001"',
      '::ffff:10.20.0.5',
      '::FFFF:10.20.0.5',
      '::ffff:a14:5',
      '0:0:0:0:0:ffff:10.20.0.5',
      '[::ffff:10.20.0.5]:80',
      '198.51.100.7, 10.20.0.5:40003',
    ],
  ],
  [
    '2001:db8:1:4::1',
    [
      '2001:0db8:0001:0004::1',
      '2001:DB8:1:4:0:0:0:1',
      '2001:db8:1:4::0:1',
      '2001:db8:1:4::1%eth0',
      '[2001:db8:1:4::1]',
      '[2001:db8:1:4::1]:4000',
      '"[2001:db8:1:4::1]:4001"',
      '2001:db8:1:4::0.0.0.1',
    ],
  ],
  [
    '192.0.2.4',
    [
      'unknown',
      '_hidden',
      '203.000.116.1',
      '203.0.116.01',
      '203.0.116.256',
      '203.0.116',
      'a:b',
      '[',
      '[]:1',
      '2001:db8::1::2',
      '2001:db8:1:2:3:4:5:6:40001',
      '"',
      '""',
      '%',
      ':',
      '198.51.100.7 203.0.116.1',
      `${'1'.repeat(9000)}.1`,
      `[::1%${'x'.repeat(9000)}`,
      '198.51.100.7, unknown',
    ],
  ],
];
for (const [address, spellings] of SPELLINGS) {
  test(`one client has one share, ${address}, however a load balancer spells it`, () => {
    const found = spellings.map((spelling) => [spelling, balanced(spelling)] as const);
    for (const [spelling, { address: read, share, isManaged }] of found) {
      assert.deepEqual([read, share, isManaged], [address, address, address.startsWith('10.20.0.')], spelling);
    }
  });
}

test('a load balancer before another is known by every spelling of its address', () => {
  for (const second of ['127.0.0.1:4000', '::ffff:7f00:1', '"127.0.0.1"']) {
    assert.equal(balanced(`198.51.100.7:9, ${second}`).address, '198.51.100.7', second);
  }
});

test('a connection is encrypted if it is one of TLS, or if a load balancer of the site says so', () => {
  const through = (remoteAddress: string, proto?: string) =>
    isEncrypted({ headers: { 'x-forwarded-proto': proto }, socket: { remoteAddress } }, BALANCED);
  assert.deepEqual(
    [through('192.0.2.4', 'https'), through('192.0.2.4', 'http'), through('192.0.2.4'), through('192.0.2.5', 'https')],
    [true, false, false, false],
  );
  assert.equal(isEncrypted({ headers: {}, socket: { remoteAddress: '192.0.2.5', encrypted: true } }, CONFIG), true);
});

for (const [name, found, isManaged, address] of PEERS) {
  test(`${name} is ${isManaged ? '' : 'not '}in a managed network`, () => {
    assert.equal(found.isManaged, isManaged);
    assert.equal(found.address, address);
  });
}
