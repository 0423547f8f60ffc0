// Checks what a rack offers on one network by DHCP: to each kind of firmware an address and a boot
// file, without another server in between.

import { type Cpu, findArchitecture } from '../boot/architectures.ts';
import { isBuiltInLoader } from '../config/absent-loaders.ts';
import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { errorText, RackError } from '../ground/errors.ts';
import { probeMac } from '../ground/own-probes.ts';
import { openNetwork } from '../net/datagrams/udp-linux.ts';
import { OFFERS_MS, probeDhcp, type SeenOffer } from './dhcp-probe.ts';
import type { DoctorOptions } from './doctor-options.ts';
import type { Tell } from './finding.ts';
import { buildCommand, isLoaderAbsent } from './loader-check.ts';
import { describeLack, judgeSilence } from './silence.ts';
import { readImages } from './tree-check.ts';

interface Firmware {
  readonly label: string;
  /** Option 93. */
  readonly architecture: number;
}

/** The kinds of firmware that the doctor imitates, each as a machine of its own. */
const FIRMWARE: readonly Firmware[] = [
  { label: 'BIOS', architecture: 0 },
  { label: 'UEFI amd64', architecture: 7 },
  { label: 'UEFI amd64 by HTTP', architecture: 16 },
  { label: 'UEFI arm64', architecture: 11 },
];

/** The architecture that is built by default. */
const USUAL_CPU: Cpu = 'amd64';

/** The loopback interface, which only a lab serves. */
const LOOPBACK = 'lo';

/** A boot file that a machine was offered. */
export interface OfferedFile {
  readonly file: string;
  readonly server: Ipv4;
  readonly cpu: Cpu;
}

interface Link {
  readonly interfaceName: string;
  readonly serverAddress: Ipv4;
}

/** Asks for an offer for each kind of firmware. @returns the boot files that this rack offered */
export async function examineOffers(
  { config, xid, commands, running }: DoctorOptions,
  subnet: DhcpSubnet,
  { interfaceName, serverAddress }: Link,
  tell: Tell,
): Promise<readonly OfferedFile[]> {
  const { ranges = [] } = running ?? {};
  const machines = FIRMWARE.map(({ label, architecture }) => ({
    label,
    architecture,
    mac: probeMac(architecture),
    xid: (xid + architecture) >>> 0,
  }));
  const own = formatIpv4(serverAddress);
  let offers: readonly SeenOffer[] = [];
  const network = await openNetwork();
  try {
    const { serverPort, clientPort } = config.dhcp;
    const ports = { serverPort, clientPort };
    offers = await probeDhcp({ network, device: interfaceName, source: serverAddress, ...ports, machines });
  } catch (error) {
    tellUnprobed(`dhcp ${subnet.name}`, interfaceName, error, tell);
    return [];
  } finally {
    await network.close();
  }
  const isProxied = subnet.proxy === true;
  if (isProxied) tellAddressServer(`dhcp ${subnet.name}`, offers, own, tell);
  else tellForeignServers(`dhcp ${subnet.name}`, offers, own, tell);
  const lack = subnet.dynamic === undefined ? 'has no dynamic range' : describeLack(subnet.name, ranges);
  if (!isProxied && lack !== undefined) {
    tell(`dhcp ${subnet.name}`, 'note', `${lack}, so only known clients get an address: no offer is probed`);
    return [];
  }

  const offerTo = (machine: { readonly xid: number }): SeenOffer | undefined =>
    offers.find((seen) => seen.xid === machine.xid && seen.server === own);
  const silent = machines.filter((machine) => offerTo(machine) === undefined);
  if (silent.length > 0) {
    const whom = silent.length === machines.length ? '' : ` to ${silent.map(({ label }) => label).join(', ')}`;
    const silence = `no offer${whom} from ${own} on ${interfaceName} within ${OFFERS_MS / 1000} s`;
    const { text, fix } = judgeSilence(silence, subnet.name, ranges, commands);
    tell(`dhcp ${subnet.name}`, false, text, fix, `rack/dhcp ${subnet.name}`);
  }
  const files: OfferedFile[] = [];
  const bootable = readImages(config).cpus;
  const wanted = bootable.length > 0 ? bootable : [USUAL_CPU];
  for (const machine of machines) {
    const check = `dhcp ${subnet.name}: ${machine.label}`;
    const offer = offerTo(machine);
    if (offer === undefined) continue;
    const architecture = findArchitecture(machine.architecture);
    if (offer.file === '') {
      tell(check, false, `was offered ${offer.address} without a boot file; name one in boot.loaders`);
    } else {
      const what = isProxied ? 'is told to load' : `is offered ${offer.address}, to load`;
      const cpu = architecture?.cpu ?? USUAL_CPU;
      const isOurs = isBuiltInLoader(offer.file);
      if (isOurs && !wanted.includes(cpu) && isLoaderAbsent(offer.file, serverAddress, config)) {
        tellAbsentLoader(
          check,
          `${what} ${offer.file}`,
          { cpu, tree: config.boot.tree, config: commands.config, isLab: interfaceName === LOOPBACK },
          tell,
        );
        continue;
      }
      tell(check, true, `${what} ${offer.file} from ${offer.nextServer}`);
      files.push({ file: offer.file, server: serverAddress, cpu });
    }
  }
  return files;
}

function tellUnprobed(check: string, interfaceName: string, error: unknown, tell: Tell): void {
  // The machines of a lab are on this host and use its DHCP port.
  const isLab = interfaceName === LOOPBACK && error instanceof RackError && error.code === 'address-in-use';
  const asking = 'a simulated machine of the lab is using DHCP, and only one client can at a time';
  if (isLab) tell(check, 'note', `is not probed now: ${asking}. Try again in a few seconds`);
  else {
    const cause = error instanceof RackError ? `probe ${error.code}` : undefined;
    tell(check, false, `cannot be probed: ${errorText(error)}`, undefined, cause);
  }
}

function tellAbsentLoader(
  check: string,
  offered: string,
  { cpu, tree, config, isLab }: { readonly cpu: Cpu; readonly tree: string; readonly config: string; isLab: boolean },
  tell: Tell,
): void {
  if (isLab) {
    tell(check, 'note', `${offered}, which this lab does not have: its machines are of another kind`);
    return;
  }
  const build = `sudo ${buildCommand(cpu, config)}`;
  const absent = `which is not there, and no image for ${cpu} either`;
  const remedy = `machines of this kind do not boot here until \`${build}\` puts them into ${tree}`;
  tell(check, 'note', `${offered}, ${absent}: ${remedy}`, build);
}

/** Reports whether another server gives the addresses, as it must in proxy mode. */
function tellAddressServer(check: string, offers: readonly SeenOffer[], own: string, tell: Tell): void {
  const others = new Set(offers.filter(({ server }) => server !== own).map(({ server }) => server));
  if (others.size > 0) tell(check, true, `addresses are given by ${[...others].join(' and ')}`);
  else {
    const silence = `no other DHCP server offered an address within ${OFFERS_MS / 1000} s`;
    tell(
      check,
      false,
      `${silence}, and this rack gives none (mode: proxy); start the other server, or let this rack give addresses`,
    );
  }
}

function tellForeignServers(check: string, offers: readonly SeenOffer[], own: string, tell: Tell): void {
  const foreignServers = new Map(offers.filter(({ server }) => server !== own).map((offer) => [offer.server, offer]));
  for (const [server, { address }] of foreignServers) {
    tell(
      check,
      false,
      `was also answered by ${server}, with an offer of ${address}, not only by this rack (${own}): ` +
        'another DHCP server is on this network; switch it off',
    );
  }
}
