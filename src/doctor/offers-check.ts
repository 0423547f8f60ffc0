// Checks what a rack offers on one network by DHCP: an address and a boot file for each kind of
// firmware, with no other server on the network.

import { type Cpu, findArchitecture } from '../boot/architectures.ts';
import { isBuiltInLoader } from '../config/absent-loaders.ts';
import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import { formatIpv4, type Ipv4 } from '../ground/address.ts';
import { errorText, RackError } from '../ground/errors.ts';
import { probeMac } from '../ground/own-probes.ts';
import { openNetwork } from '../net/datagrams/udp-linux.ts';
import { OFFERS_MS, probeDhcp, type SeenOffer } from './dhcp-probe.ts';
import type { DoctorOptions } from './doctor-options.ts';
import type { ReportFinding } from './finding.ts';
import { buildCommand, isLoaderAbsent } from './loader-check.ts';
import { describeFullRange, judgeSilence } from './silence.ts';
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

interface ProbedInterface {
  readonly interfaceName: string;
  readonly serverAddress: Ipv4;
}

/** Requests an offer for each kind of firmware. @returns the boot files that this rack offered */
export async function examineOffers(
  { config, xid, commands, running }: DoctorOptions,
  subnet: DhcpSubnet,
  { interfaceName, serverAddress }: ProbedInterface,
  report: ReportFinding,
): Promise<readonly OfferedFile[]> {
  const { ranges = [] } = running ?? {};
  const machines = FIRMWARE.map(({ label, architecture }) => ({
    label,
    architecture,
    mac: probeMac(architecture),
    xid: (xid + architecture) >>> 0,
  }));
  const ownAddress = formatIpv4(serverAddress);
  let offers: readonly SeenOffer[] = [];
  const network = await openNetwork();
  try {
    const { serverPort, clientPort } = config.dhcp;
    const ports = { serverPort, clientPort };
    offers = await probeDhcp({ network, device: interfaceName, source: serverAddress, ...ports, machines });
  } catch (error) {
    reportProbeFailure(`dhcp ${subnet.name}`, interfaceName, error, report);
    return [];
  } finally {
    await network.close();
  }
  const isProxied = subnet.proxy === true;
  if (isProxied) reportAddressServer(`dhcp ${subnet.name}`, offers, ownAddress, report);
  else reportForeignServers(`dhcp ${subnet.name}`, offers, ownAddress, report);
  const lackText = subnet.dynamic === undefined ? 'has no dynamic range' : describeFullRange(subnet.name, ranges);
  if (!isProxied && lackText !== undefined) {
    report(`dhcp ${subnet.name}`, 'note', `${lackText}, so only known clients get an address: no offer is probed`);
    return [];
  }

  const findOffer = (machine: { readonly xid: number }): SeenOffer | undefined =>
    offers.find((seen) => seen.xid === machine.xid && seen.server === ownAddress);
  const silentMachines = machines.filter((machine) => findOffer(machine) === undefined);
  if (silentMachines.length > 0) {
    const recipients =
      silentMachines.length === machines.length ? '' : ` to ${silentMachines.map(({ label }) => label).join(', ')}`;
    const silence = `no offer${recipients} from ${ownAddress} on ${interfaceName} within ${OFFERS_MS / 1000} s`;
    const { text, fix } = judgeSilence(silence, subnet.name, ranges, commands);
    report(`dhcp ${subnet.name}`, false, text, fix, `rack/dhcp ${subnet.name}`);
  }
  const files: OfferedFile[] = [];
  const bootable = readImages(config).cpus;
  const expectedCpus = bootable.length > 0 ? bootable : [USUAL_CPU];
  for (const machine of machines) {
    const check = `dhcp ${subnet.name}: ${machine.label}`;
    const offer = findOffer(machine);
    if (offer === undefined) continue;
    const architecture = findArchitecture(machine.architecture);
    if (offer.file === '') {
      report(check, false, `was offered ${offer.address} without a boot file; name one in boot.loaders`);
    } else {
      const offerText = isProxied ? 'is told to load' : `is offered ${offer.address}, to load`;
      const cpu = architecture?.cpu ?? USUAL_CPU;
      const isBuiltIn = isBuiltInLoader(offer.file);
      if (isBuiltIn && !expectedCpus.includes(cpu) && isLoaderAbsent(offer.file, serverAddress, config)) {
        reportAbsentLoader(
          check,
          `${offerText} ${offer.file}`,
          { cpu, tree: config.boot.tree, config: commands.config, isLab: interfaceName === LOOPBACK },
          report,
        );
        continue;
      }
      report(check, true, `${offerText} ${offer.file} from ${offer.nextServer}`);
      files.push({ file: offer.file, server: serverAddress, cpu });
    }
  }
  return files;
}

function reportProbeFailure(check: string, interfaceName: string, error: unknown, report: ReportFinding): void {
  // The machines of a lab are on this host and use its DHCP port.
  const isLab = interfaceName === LOOPBACK && error instanceof RackError && error.code === 'address-in-use';
  const reason = 'a simulated machine of the lab is using DHCP, and only one client can at a time';
  if (isLab) report(check, 'note', `is not probed now: ${reason}. Try again in a few seconds`);
  else {
    const cause = error instanceof RackError ? `probe ${error.code}` : undefined;
    report(check, false, `cannot be probed: ${errorText(error)}`, undefined, cause);
  }
}

function reportAbsentLoader(
  check: string,
  offered: string,
  { cpu, tree, config, isLab }: { readonly cpu: Cpu; readonly tree: string; readonly config: string; isLab: boolean },
  report: ReportFinding,
): void {
  if (isLab) {
    report(check, 'note', `${offered}, which this lab does not have: its machines are of another kind`);
    return;
  }
  const build = `sudo ${buildCommand(cpu, config)}`;
  const absenceText = `which is not there, and no image for ${cpu} either`;
  const remedy = `machines of this kind do not boot here until \`${build}\` puts them into ${tree}`;
  report(check, 'note', `${offered}, ${absenceText}: ${remedy}`, build);
}

/** Reports whether another server gives the addresses, as it must in proxy mode. */
function reportAddressServer(
  check: string,
  offers: readonly SeenOffer[],
  ownAddress: string,
  report: ReportFinding,
): void {
  const otherServers = new Set(offers.filter(({ server }) => server !== ownAddress).map(({ server }) => server));
  if (otherServers.size > 0) report(check, true, `addresses are given by ${[...otherServers].join(' and ')}`);
  else {
    const silence = `no other DHCP server offered an address within ${OFFERS_MS / 1000} s`;
    report(
      check,
      false,
      `${silence}, and this rack gives none (mode: proxy); start the other server, or let this rack give addresses`,
    );
  }
}

function reportForeignServers(
  check: string,
  offers: readonly SeenOffer[],
  ownAddress: string,
  report: ReportFinding,
): void {
  const foreignServers = new Map(
    offers.filter(({ server }) => server !== ownAddress).map((offer) => [offer.server, offer]),
  );
  for (const [server, { address }] of foreignServers) {
    report(
      check,
      false,
      `was also answered by ${server}, with an offer of ${address}, not only by this rack (${ownAddress}): ` +
        'another DHCP server is on this network; switch it off',
    );
  }
}
