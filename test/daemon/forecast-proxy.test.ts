// The boot that a machine would get alongside another DHCP server, and the firmware quirks behind it.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { identifyBootClient } from '../../src/boot/client.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { parseConfig } from '../../src/config/load.ts';
import { forecastBoot } from '../../src/daemon/forecast/boot-forecast.ts';
import type { ClientName } from '../../src/daemon/forecast/clients.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { Offers } from '../../src/dhcp/leases/offers.ts';
import { indexSubnets } from '../../src/dhcp/networks/subnet.ts';
import { mac } from '../../src/ground/address.ts';
import { instant } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';

const IMAGES = 'amd64/generic/bookworm/commissioning';
const TREE = ['lpxelinux.0', 'ldlinux.c32', 'bootx64.efi', 'grubx64.efi', `${IMAGES}/linux`, `${IMAGES}/initrd.gz`];
const CONFIG = `name: rack
cluster_interfaces: [{ name: lab, interface: eth1, mode: proxy, ip: 10.20.0.1, network: 10.20.0.0/24 }]
boot: { quirks: [{ mac: "00:1b:21", quirk: boot-server }] }
`;

/** Topic and text of each line; obstacles with their remedy. */
function why(address: number, client: ClientName): readonly string[] {
  const parsed = parseConfig(CONFIG);
  assert.ok(parsed.ok);
  const { config } = parsed;
  const machines = new MachineDirectory([]);
  const [boot, ...others] = forecastBoot(mac(address), client, {
    config,
    dhcp: {
      leases: new LeaseTable(),
      offers: new Offers(),
      machines,
      subnets: indexSubnets(config.dhcp, undefined),
      ports: { serverPort: 67, clientPort: 68 },
      identifyClient: identifyBootClient,
      planBoot: (query) => planBoot(query, config.boot),
    },
    assets: { config: config.boot, machines, macOf: () => undefined, hasFile: (path) => TREE.includes(path) },
    now: instant(1_000_000),
  });
  assert.equal(others.length, 0);
  return (boot?.lines ?? []).map(
    ({ topic, text, remedy }) => `${topic}: ${text}${remedy === undefined ? '' : `: ${remedy}`}`,
  );
}

test('another server gives the address, and this rack everything after it', () => {
  const lines = why(0x525400123456, 'uefi-amd64');
  assert.equal(lines[0], 'address: from another DHCP server: this network is in proxy mode');
  assert.match(lines[1] ?? '', /^loader: bootx64\.efi by TFTP from 10\.20\.0\.1 \(UEFI amd64, PXE\); it is in/);
  assert.ok(
    lines.some((line) => line === `kernel: ${IMAGES}/linux, in the boot tree`),
    lines.join('\n'),
  );
});

test('a quirk is named with its firmware', () => {
  assert.match(why(0x001b21123456, 'uefi-amd64')[1] ?? '', /\(UEFI amd64, PXE; quirk boot-server: UEFI that/);
  const pi = why(0xb827eb123456, 'bios').join('\n');
  assert.match(pi, /loader: bootcode\.bin \(architecture 41; quirk raspberry-pi: Raspberry Pi boot ROM/);
});

test('firmware without a loader gets an obstacle with its remedy', () => {
  const lines = why(0x525400123456, 'uefi-i386');
  assert.match(lines.join('\n'), /bootia32\.efi.*not in the boot tree: `sudo rackboot images build --arch i386`/);
});
