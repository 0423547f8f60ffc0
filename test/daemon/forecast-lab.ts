// A rack with invented state, for predicting what a machine would get.

import { identifyBootClient } from '../../src/boot/client.ts';
import { planBoot } from '../../src/boot/plan.ts';
import { parseConfig } from '../../src/config/load.ts';
import type { ForecastInputs } from '../../src/daemon/forecast/boot-forecast.ts';
import type { Lease } from '../../src/dhcp/leases/lease.ts';
import { LeaseTable } from '../../src/dhcp/leases/lease-table.ts';
import { Offers } from '../../src/dhcp/leases/offers.ts';
import { indexSubnets } from '../../src/dhcp/networks/subnet.ts';
import { ipv4, mac } from '../../src/ground/address.ts';
import { instant, seconds } from '../../src/ground/clock.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import type { RackMachine } from '../../src/machines/machine.ts';
import { rackMachine } from '../support/lab-facts.ts';

export const MAC = mac(0x525400123456);
export const NOW = instant(1_000_000);
export const IMAGES = 'amd64/generic/bookworm/commissioning';
export const WHOLE_TREE = [
  'lpxelinux.0',
  'ldlinux.c32',
  'bootx64.efi',
  'grubx64.efi',
  'ipxe.efi',
  `${IMAGES}/linux`,
  `${IMAGES}/initrd.gz`,
];

export const MACHINE: RackMachine = rackMachine({ macs: [MAC] });

export interface Given {
  readonly machine?: Partial<RackMachine>;
  readonly tree?: readonly string[];
  readonly leases?: readonly Lease[];
  /** Lines that replace the network's own configuration. */
  readonly network?: string;
  readonly more?: string;
  /** Option 97, as the machine sent it. */
  readonly uuid?: string;
}

export const NETWORK = [
  'cluster_interfaces:',
  '  - { name: lab, interface: eth1, ip: 10.20.0.1, network: 10.20.0.0/24, ip_range_low: 10.20.0.100, ip_range_high: 10.20.0.109 }',
].join('\n');

export function foresight({
  machine,
  tree = WHOLE_TREE,
  leases = [],
  network = NETWORK,
  more = '',
  uuid,
}: Given): ForecastInputs {
  const parsed = parseConfig(`name: rack\n${network}\n${more}\n`);
  if (!parsed.ok) throw new Error(JSON.stringify(parsed.problems));
  const { config } = parsed;
  const machines = new MachineDirectory(machine === undefined ? [] : [{ ...MACHINE, ...machine }]);
  const table = new LeaseTable();
  const subnets = indexSubnets(config.dhcp, undefined);
  table.load(leases, NOW);
  table.serve(subnets.served, machines);
  return {
    config,
    now: NOW,
    dhcp: {
      leases: table,
      offers: new Offers(table.pools),
      machines,
      subnets,
      ports: { serverPort: 67, clientPort: 68 },
      identifyClient: identifyBootClient,
      planBoot: (query) => planBoot(query, config.boot),
    },
    assets: {
      config: config.boot,
      machines,
      macOf: () => MAC,
      hasFile: (path) => tree.includes(path),
      signsOf: () => ({ uuid }),
    },
  };
}

export const lease = (address: number, holder: number): Lease => ({
  address: ipv4(address),
  mac: mac(holder),
  state: 'bound',
  grantedAt: NOW,
  expiresAt: instant(NOW + 600_000),
  duration: seconds(600),
});
