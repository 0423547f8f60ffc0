// A rack with one machine of each purpose, for the tests of this room.

import type { Cpu } from '../../src/boot/architectures.ts';
import type { AssetContext } from '../../src/boot/asset.ts';
import type { BootConfig, HttpEndpoint } from '../../src/boot/config.ts';
import type { MacAddress } from '../../src/ground/address.ts';
import { MachineDirectory } from '../../src/machines/directory.ts';
import type { BootPurpose, RackMachine } from '../../src/machines/machine.ts';
import { hw, ip, rackMachine } from '../support/lab-facts.ts';

export const PEER = ip('10.20.0.100');

/** `10.20.0.1:5248` and so on. */
export function endpoints(...texts: string[]): HttpEndpoint[] {
  return texts.map((text) => {
    const [address = '', port = ''] = text.split(':');
    return { address: ip(address), port: Number(port) };
  });
}

export function bootConfig(changes: Partial<BootConfig> = {}): BootConfig {
  return {
    tree: '/srv/boot',
    loaders: new Map(),
    kernelParams: '',
    commissioningRelease: 'bookworm',
    enlistWith: 'environment',
    copiesImages: true,
    bmcUser: true,
    http: endpoints('10.20.0.1:5248'),
    ...changes,
  };
}

export const MACS: Readonly<Record<BootPurpose, MacAddress>> = {
  enlist: hw('52:54:00:00:00:0e'),
  commissioning: hw('52:54:00:00:00:0c'),
  install: hw('52:54:00:00:00:01'),
  local: hw('52:54:00:00:00:0d'),
  poweroff: hw('52:54:00:00:00:0f'),
};

const STATES: Readonly<Record<BootPurpose, string>> = {
  enlist: 'New',
  commissioning: 'Commissioning',
  install: 'Deploying',
  local: 'Deployed',
  poweroff: 'Ready',
};

export function machine(purpose: BootPurpose, changes: Partial<RackMachine> = {}): RackMachine {
  return rackMachine({
    statusName: STATES[purpose],
    hostname: `${purpose}-1`,
    purpose,
    macs: [MACS[purpose]],
    ...changes,
  });
}

/** One machine of each purpose. */
export const MACHINES: readonly RackMachine[] = [
  machine('commissioning', { uuid: '00112233-4455-6677-8899-aabbccddeeff' }),
  machine('install', { release: 'trixie' }),
  machine('local', { addresses: [{ mac: MACS.local, address: ip('10.20.0.10') }] }),
  machine('poweroff'),
];

/** A kernel and an initrd in each of these directories. */
export function images(...directories: string[]): string[] {
  return directories.flatMap((directory) => [`${directory}/linux`, `${directory}/initrd.gz`]);
}

export interface Given {
  readonly config?: Partial<BootConfig>;
  readonly machines?: readonly RackMachine[];
  readonly files?: readonly string[];
  /** The hardware address that leases PEER. */
  readonly lease?: MacAddress;
  /** The UUID that every boot client sent. */
  readonly shown?: string;
  /** The CPU that every boot client's DHCP request told. */
  readonly cpu?: Cpu;
  /** True: iPXE sent it, and runs the rack's scripts. */
  readonly isIpxe?: boolean;
  /** True: U-Boot sent it. */
  readonly isUBoot?: boolean;
}

export function assetContext(given: Given = {}): AssetContext {
  const files = new Set(given.files ?? images('amd64/generic/bookworm/commissioning'));
  return {
    config: bootConfig(given.config),
    machines: new MachineDirectory(given.machines ?? MACHINES),
    macOf: (peer) => (peer === PEER ? given.lease : undefined),
    hasFile: (path) => files.has(path),
    signsOf: () => ({ uuid: given.shown, cpu: given.cpu, isIpxe: given.isIpxe, isUBoot: given.isUBoot }),
  };
}
