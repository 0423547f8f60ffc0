// A rack and simulated machines on this host's loopback: addresses, ports, configuration and boot
// tree. No packet leaves the host, and no privilege is needed. `guided-lab.ts` uses it for
// `npm start`.

import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { REGION_PORT } from '../config/region-place.ts';
import { type Ipv4, ipv4 } from '../ground/address.ts';

/** The place of a lab: a loopback network, which only this host can reach, and high ports. */
export interface LabPlace {
  /** `127.77.0`: the network's first three octets. */
  readonly octets: string;
  /** The source address of broadcasts from a machine without an address. */
  readonly source: Ipv4;
  readonly dhcpServerPort: number;
  readonly dhcpClientPort: number;
  readonly tftpPort: number;
  readonly dnsPort: number;
  readonly httpPort: number;
  readonly regionPort: number;
}

/** The last place: the second octet of its network is 254. */
const PLACE_MAX = 177;

/**
 * The `index`th place. No two places share a network or a port, so labs can run side by side.
 * @throws RangeError above 177
 */
export function labPlace(index: number): LabPlace {
  if (index > PLACE_MAX) throw new RangeError(`there are no places on loopback after ${PLACE_MAX}, so not ${index}`);
  /** The first place has the ports that people read; the others have theirs in ranges of 200. */
  const port = (firstPort: number, rangeStart: number): number => (index === 0 ? firstPort : rangeStart + index);
  return {
    octets: `127.${77 + index}.0`,
    source: ipv4(0x7f4d00fe + index * 0x10000),
    dhcpServerPort: port(6767, 15_600),
    dhcpClientPort: port(6868, 15_800),
    tftpPort: port(6969, 16_000),
    dnsPort: port(6053, 15_400),
    httpPort: port(5248, 15_200),
    regionPort: port(REGION_PORT, 15_000),
  };
}

const STAND_IN_LOADER_BYTES = 44_000;
const STAND_IN_KERNEL_BYTES = 8 * 1024 * 1024;
const STAND_IN_INITRD_BYTES = 6 * 1024 * 1024;

/** The lab's configuration file. */
export function labConfig(place: LabPlace, stateDir: string): string {
  return [
    'name: lab',
    `state_dir: ${JSON.stringify(stateDir)}`,
    'cluster_interfaces:',
    '  - name: lab',
    '    interface: lo',
    '    management: 2',
    `    ip: ${place.octets}.1`,
    `    network: ${place.octets}.0/24`,
    `    ip_range_low: ${place.octets}.100`,
    `    ip_range_high: ${place.octets}.199`,
    `dhcp: { server_port: ${place.dhcpServerPort}, client_port: ${place.dhcpClientPort} }`,
    `tftp: { listen_port: ${place.tftpPort} }`,
    `dns: { listen: [${place.octets}.1], listen_port: ${place.dnsPort} }`,
    `boot: { http: { listen: ["${place.octets}.1:${place.httpPort}"] } }`,
    `region: { listen: ["127.0.0.1:${place.regionPort}"] }`,
    `metrics: { listen: ["${place.octets}.1:5249"] }`,
    '',
  ].join('\n');
}

/** Fills a tree with stand-ins for the files that a simulated machine loads without running them. */
export function makeStandInTree(tree: string): void {
  const images = join(tree, 'amd64', 'generic', 'bookworm', 'commissioning');
  mkdirSync(images, { recursive: true });
  writeFileSync(join(tree, 'lpxelinux.0'), standInBytes('loader', STAND_IN_LOADER_BYTES));
  writeFileSync(join(tree, 'ldlinux.c32'), standInBytes('core of the loader', STAND_IN_LOADER_BYTES));
  writeFileSync(join(images, 'linux'), standInBytes('kernel', STAND_IN_KERNEL_BYTES));
  writeFileSync(join(images, 'initrd.gz'), standInBytes('initrd', STAND_IN_INITRD_BYTES));
}

/** Reproducible bytes that differ between files. */
function standInBytes(name: string, bytes: number): Buffer {
  const block = createHash('sha512').update(`stand-in ${name}`).digest();
  return Buffer.alloc(bytes, block);
}
