// The messages of real clients, byte for byte, and the rack's answers: each capture of fixtures/packets, in the state of its client.

import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { test } from 'node:test';
import { decodeDhcpMessage } from '../../src/dhcp/wire/message.ts';
import { OPTION, optionAddress } from '../../src/dhcp/wire/options.ts';
import { ANY, formatIpv4, type Ipv4, macFromBytes, parseNetwork } from '../../src/ground/address.ts';
import { config, subnet } from '../dhcp/lab.ts';
import { ip } from '../support/lab-facts.ts';
import { captures } from './bent-datagrams.ts';
import { WireRack } from './wire-rack.ts';

/** A network of a capture: the first three numbers, and its interface; without one it is behind a relay. */
const NETWORKS: readonly (readonly [prefix: string, interfaceName: string | undefined])[] = [
  ['10.99.0', 'eth1'],
  ['10.95.1', 'eth2'],
  ['10.77.1', 'eth3'],
  ['10.96.1', undefined],
  ['10.78.1', undefined],
];

const SERVED = config(
  ...NETWORKS.map(([prefix, interfaceName]) =>
    subnet({
      name: prefix,
      interfaceName,
      serverAddress: interfaceName === undefined ? undefined : ip(`${prefix}.1`),
      network: parseNetwork(`${prefix}.0/24`) ?? { address: ANY, prefix: 0 },
      router: undefined,
      dynamic: { low: ip(`${prefix}.100`), high: ip(`${prefix}.250`) },
      static: undefined,
    }),
  ),
);

/** The answer to each kind of message, by the last word of its name. */
const ANSWERS: Readonly<Record<string, string>> = {
  discover: 'OFFER',
  request: 'ACK',
  reboot: 'ACK',
  renew: 'ACK',
  rebind: 'ACK',
  inform: 'ACK',
  decline: 'declined',
  release: 'released',
};
/** These had a lease before. */
const HELD = new Set(['reboot', 'renew', 'rebind', 'decline', 'release']);

/** The socket of the network that a message is about. */
function socketOf(addresses: readonly (Ipv4 | undefined)[]): string {
  for (const address of addresses) {
    const found = NETWORKS.find(([prefix]) => address !== undefined && formatIpv4(address).startsWith(`${prefix}.`));
    if (found !== undefined) return found[1] ?? '10.95.1.1';
  }
  return 'eth2';
}

for (const [name, bytes] of captures()) {
  const kind = name.split('-').at(-1) ?? '';
  test(`${name}: ${ANSWERS[kind]}`, async () => {
    const twin = new URL(`../../fixtures/packets/dhcp-${name}.txt`, import.meta.url);
    assert.ok(existsSync(twin), 'it has a readable twin');
    const decoded = decodeDhcpMessage(bytes);
    assert.ok(decoded.ok, JSON.stringify(decoded));
    const { ciaddr, giaddr, chaddr, options } = decoded.value;
    const mac = macFromBytes(chaddr);
    const requested = optionAddress(options, OPTION.requestedAddress);
    const server = optionAddress(options, OPTION.serverIdentifier);
    const socket = socketOf([
      giaddr === ANY ? undefined : giaddr,
      requested,
      ciaddr === ANY ? undefined : ciaddr,
      server,
    ]);
    const rack = await WireRack.start({ config: SERVED });
    const address = requested ?? ciaddr;
    if (HELD.has(kind)) {
      const relay = NETWORKS.find(
        ([prefix, wire]) => wire === undefined && formatIpv4(address).startsWith(`${prefix}.`),
      );
      const from = relay === undefined ? {} : { giaddr: ip(`${relay[0]}.1`) };
      const held = rack.ask({ type: 'request', mac, requested: address, server: ip('10.95.1.1'), ...from }, socket);
      assert.equal(held?.type, 'ACK');
    }
    const toRack = kind === 'release' ? '10.95.1.1' : socket;
    const [reply, ...more] = rack.hand(Uint8Array.from(bytes), toRack, giaddr === ANY ? ciaddr : giaddr);
    assert.deepEqual(more, []);
    if (kind === 'decline' || kind === 'release') {
      assert.equal(reply, undefined);
      assert.equal(rack.table.find(address)?.state, ANSWERS[kind]);
    } else {
      assert.equal(reply?.type, ANSWERS[kind], JSON.stringify(rack.events));
      assert.equal(reply?.yiaddr !== ANY, kind !== 'inform');
      if (kind === 'renew' || kind === 'rebind' || kind === 'reboot') assert.equal(reply?.yiaddr, address);
      if (options.get(OPTION.parameterRequestList)?.includes(1) === true)
        assert.equal(formatIpv4(ip(`${[...(reply?.options.get(1) ?? [])].join('.')}`)), '255.255.255.0');
    }
  });
}

test('there are captures of every kind of message that clients send', () => {
  const kinds = new Set([...captures().keys()].map((name) => name.split('-').at(-1)));
  assert.deepEqual(
    Object.keys(ANSWERS).filter((kind) => !kinds.has(kind)),
    [],
  );
});

test('the time of day that GRUB writes into secs does not count as its waiting time', async () => {
  const rack = await WireRack.start({ config: SERVED });
  for (const [name, waited] of [
    ['grub-discover', undefined],
    ['ipxe-uefi-discover', 4],
  ] as const) {
    rack.hand(Uint8Array.from(captures().get(name) ?? []), 'eth1');
    assert.equal(rack.events.at(-1)?.waitedSeconds, waited, name);
  }
});
