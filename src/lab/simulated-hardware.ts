// The hardware that a simulated machine reports when it enlists: plausible, and marked as simulated
// wherever a person reads it.

import { formatMac, type MacAddress, mac as macAddress } from '../ground/address.ts';

/** The hardware of machines of one kind. */
export interface HardwareKind {
  readonly product: string;
  readonly cpuCount: number;
  readonly memoryMib: number;
  readonly disks: number;
  /** The size of each disk. */
  readonly diskBytes: number;
  readonly rotational: boolean;
}

export interface SimulatedHardware extends HardwareKind {
  readonly mac: MacAddress;
  /** Lower case, with hyphens. */
  readonly uuid: string;
  readonly serial: string;
}

const DEFAULT_KIND: HardwareKind = {
  product: 'Simulated machine',
  cpuCount: 4,
  memoryMib: 8192,
  disks: 1,
  diskBytes: 240_057_409_536,
  rotational: false,
};

/** The `index`th simulated machine (0 to 65535), always the same. @param kind its hardware */
export function simulatedHardware(index: number, kind: HardwareKind = DEFAULT_KIND): SimulatedHardware {
  const tail = index.toString(16).padStart(4, '0');
  return {
    // 52:54:00 is the prefix of emulated network cards.
    mac: macAddress(0x5254_005a_0000 + index),
    uuid: `5a5a5a5a-0000-4000-8000-${index.toString(16).padStart(12, '0')}`,
    ...kind,
    serial: `SIM-${tail.toUpperCase()}`,
  };
}

/** The 16 bytes of a UUID, as in option 97. */
export const uuidBytes = (uuid: string): Uint8Array => Uint8Array.from(Buffer.from(uuid.replaceAll('-', ''), 'hex'));

/** The form body of the enlistment post, as the real environment's agent sends it. */
export function enlistmentForm(hardware: SimulatedHardware, bootMac: string): string {
  const mac = formatMac(hardware.mac);
  const facts = {
    version: 1,
    boot_mac: bootMac,
    nics: [{ name: 'eth0', mac, driver: 'simulated', carrier: true, operstate: 'up', speed: 1000 }],
    cpu: { count: hardware.cpuCount, model: 'Simulated processor' },
    memory_mib: hardware.memoryMib,
    disks: Array.from({ length: hardware.disks }, (_, index) => ({
      name: `sd${String.fromCharCode('a'.charCodeAt(0) + index)}`,
      bytes: hardware.diskBytes,
      model: 'Simulated disk',
      serial: index === 0 ? hardware.serial : `${hardware.serial}-${index + 1}`,
      rotational: hardware.rotational,
    })),
    dmi: { vendor: 'Rackboot lab', product: hardware.product, serial: hardware.serial, uuid: hardware.uuid },
    virtualization: 'simulated',
    uefi: false,
    kernel: 'simulated',
  };
  return new URLSearchParams({
    architecture: 'amd64',
    subarchitecture: 'generic',
    mac_addresses: mac,
    power_type: '',
    hardware_facts: JSON.stringify(facts),
  }).toString();
}
