// The firmware that `rackboot why` assumes of a machine, and how it marks what is a guess.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { explainBoot } from '../../../src/daemon/answers/why.ts';
import type { ClientName } from '../../../src/daemon/forecast/clients.ts';
import { chooseLikelyClients } from '../../../src/daemon/forecast/likely-clients.ts';
import type { DhcpEvent } from '../../../src/dhcp/events/events.ts';
import { instant } from '../../../src/ground/clock.ts';

import type { TimelineStep } from '../../../src/observe/timeline.ts';
import { foresight, type Given, lease, MAC, NOW } from '../forecast-lab.ts';

/** Steps of a machine that got an offer as each of these clients. */
const steps = (...clients: (readonly [client: string, architecture: number])[]): readonly TimelineStep[] =>
  clients.map(([client, architecture], index) => {
    const event: DhcpEvent = { kind: 'dhcp.offer', at: NOW, mac: MAC, client, architecture };
    return { number: index, boot: 1, event, times: 1, lastAt: instant(NOW + index) };
  });

const shown = (vendorClass: string): Given => ({ leases: [{ ...lease(0x0a140064, MAC), vendorClass }] });

const cases: readonly (readonly [
  name: string,
  given: Given,
  steps: readonly TimelineStep[],
  basis: string,
  clients: readonly ClientName[],
])[] = [
  ['nothing', {}, [], 'unseen', ['bios', 'uefi-amd64']],
  ['nothing, of a machine of arm64', { machine: { architecture: 'arm64' } }, [], 'unseen', ['uefi-arm64']],
  ['a lease of UEFI', shown('PXEClient:Arch:00007:UNDI:003000'), [], 'shown', ['uefi-amd64']],
  ['a lease of firmware with the number of EBC', shown('PXEClient:Arch:00009'), [], 'shown', ['uefi-amd64']],
  ['a lease of UEFI by HTTP', shown('HTTPClient:Arch:00016:UNDI:003001'), [], 'shown', ['uefi-http-amd64']],
  ['a lease of a running system', shown('dhcpcd-9'), [], 'unseen', ['bios', 'uefi-amd64']],
  ['firmware and its iPXE', {}, steps(['uefi', 7], ['ipxe', 7]), 'shown', ['uefi-amd64']],
  ['other firmware than before', {}, steps(['bios', 0], ['uefi', 7]), 'shown', ['uefi-amd64']],
  ['U-Boot', {}, steps(['u-boot', 22]), 'shown', ['u-boot-arm64']],
  ['a lease of U-Boot', shown('U-Boot.armv7'), [], 'shown', ['u-boot-arm']],
  ['iPXE only', {}, steps(['ipxe', 0]), 'ipxe-only', ['ipxe', 'bios', 'uefi-amd64']],
  [
    'iPXE only, whose lease could be that of firmware',
    shown('PXEClient:Arch:00000:UNDI:002001'),
    steps(['ipxe', 0], ['ipxe', 0]),
    'ipxe-only',
    ['ipxe', 'bios', 'uefi-amd64'],
  ],
  ['iPXE of arm64 only', {}, steps(['ipxe', 11]), 'ipxe-only', ['uefi-arm64']],
];
for (const [name, given, seen, basis, clients] of cases) {
  test(`the likely clients of a machine that has shown ${name}`, () => {
    assert.partialDeepStrictEqual(chooseLikelyClients(MAC, foresight(given), seen), { basis, clients });
  });
}

const asked = { mac: MAC, machine: undefined, client: undefined };

test('the prediction recognises a client as DHCP did, and names signs that contradict each other', () => {
  const signs = { client: 'u-boot', architecture: 11, vendorClass: 'U-Boot.armv8' };
  const event: DhcpEvent = { kind: 'dhcp.offer', at: NOW, mac: MAC, ...signs };
  const seen = [{ number: 0, boot: 1, event, times: 1, lastAt: NOW }];
  const [boot] = explainBoot({ ...asked, steps: seen }, foresight({}), []).boots;
  assert.equal(boot?.client, 'u-boot-arm64');
  const said = boot?.lines.map(({ topic, text }) => `${topic}: ${text}`).join('\n') ?? '';
  assert.match(said, /^note: .*\(option 60 U-Boot\.armv8, option 93 11\)/m);
  assert.match(said, /^loader: none /m);
  assert.match(said, /^configuration: pxelinux\.cfg\//m);
});

test('firmware of an unknown architecture has no loader', () => {
  const [boot, ...others] = explainBoot({ ...asked, steps: steps(['other', 37]) }, foresight({}), []).boots;
  assert.deepEqual([boot?.title, others], ['unknown architecture 37', []]);
  const loader = boot?.lines.find(({ ok }) => !ok);
  assert.deepEqual([loader?.topic, loader?.remedy], ['loader', 'set one in boot.loaders as 37: FILE']);
  assert.ok(boot?.lines.every(({ topic }) => topic !== 'note'));
});

test('kinds of clients with the same result are joined', () => {
  const differ = explainBoot({ ...asked, steps: steps(['ipxe', 0]) }, foresight({}), []);
  assert.deepEqual(
    differ.boots.map(({ title }) => title),
    ['iPXE', 'BIOS, PXE', 'UEFI amd64, PXE'],
  );
  const network =
    'cluster_interfaces: [{ name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.100 }]';
  const full = { network, leases: [lease(0x0a140064, 0x525400aaaaaa)] };
  const same = explainBoot({ ...asked, steps: steps(['ipxe', 0]) }, foresight(full), []);
  assert.deepEqual(
    same.boots.map(({ title, lines }) => [title, lines.map(({ topic }) => topic)]),
    [['iPXE or as BIOS, PXE or as UEFI amd64, PXE', ['address']]],
  );
});
