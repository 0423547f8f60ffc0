// A network's options for every client are encoded once, and every reply carries the same bytes.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decide } from '../../../src/dhcp/answers/decide.ts';
import type { DhcpSubnet } from '../../../src/dhcp/networks/config.ts';
import { encodeNetworkOptions, leaseTimeBytes } from '../../../src/dhcp/networks/network-options.ts';
import { decodeDhcpMessage } from '../../../src/dhcp/wire/message.ts';
import { OPTION } from '../../../src/dhcp/wire/options.ts';
import { seconds } from '../../../src/ground/clock.ts';
import { ip } from '../../support/lab-facts.ts';
import { clientBytes, config, labState, MAC_A, NOW, ON_WIRE, subnet } from '../lab.ts';

const hex = (bytes: Uint8Array | undefined): string | undefined =>
  bytes === undefined ? undefined : Buffer.from(bytes).toString('hex');

const cases: readonly (readonly [
  name: string,
  changes: Partial<DhcpSubnet>,
  code: number,
  bytes: string | undefined,
])[] = [
  ['the mask of a /24', {}, OPTION.subnetMask, 'ffffff00'],
  ['the router', {}, OPTION.router, '0a1400fe'],
  ['no router, no option', { router: undefined }, OPTION.router, undefined],
  [
    'name servers in their order',
    { dnsServers: [ip('10.20.0.1'), ip('192.0.2.53')] },
    OPTION.domainNameServer,
    '0a140001c0000235',
  ],
  ['no name server, no option', { dnsServers: [] }, OPTION.domainNameServer, undefined],
  ['the domain as text', {}, OPTION.domainName, '6d616173'],
  ['the domain as labels', {}, OPTION.domainSearch, '046d61617300'],
  ['an invalid domain is not searched', { domain: 'a..b' }, OPTION.domainSearch, undefined],
  ['the broadcast address', {}, OPTION.broadcastAddress, '0a1400ff'],
  ['time servers', { ntpServers: [ip('10.20.0.1')] }, OPTION.ntpServers, '0a140001'],
  ['no time server, no option', {}, OPTION.ntpServers, undefined],
];

for (const [name, changes, code, bytes] of cases) {
  test(name, () => assert.equal(hex(encodeNetworkOptions(subnet(changes)).byCode.get(code)), bytes));
}

test('lease time, T1 and T2', () => {
  const { lease, renewal, rebinding } = leaseTimeBytes(subnet(), seconds(600));
  assert.deepEqual([lease, renewal, rebinding].map(hex), ['00000258', '0000012c', '0000020d']);
  assert.deepEqual(encodeNetworkOptions(subnet()).times, { lease, renewal, rebinding });
});

test('a network without an address of the rack has no identifier of its own', () => {
  assert.equal(encodeNetworkOptions(subnet({ serverAddress: undefined })).serverIdentifier, undefined);
  assert.equal(hex(encodeNetworkOptions(subnet()).serverIdentifier), '0a140001');
});

test('replies of two clients carry the same bytes, not copies', () => {
  const state = labState(config());
  const decoded = decodeDhcpMessage(clientBytes({ type: 'discover', mac: MAC_A }));
  assert.ok(decoded.ok);
  const decision = decide(decoded.value, ON_WIRE, state, NOW);
  assert.ok(decision.kind === 'reply');
  const { options } = decision.served;
  for (const code of [OPTION.subnetMask, OPTION.router, OPTION.domainNameServer, OPTION.domainName]) {
    assert.equal(decision.message.options.get(code), options.byCode.get(code));
  }
  assert.equal(decision.message.options.get(OPTION.serverIdentifier), options.serverIdentifier);
  assert.equal(decision.message.options.get(OPTION.leaseTime), options.times.lease);
});
