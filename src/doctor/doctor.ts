// `rackboot doctor`: queries a running rack as a machine would, with other projects' client code, and reports in plain words what is
// wrong. It changes nothing: it leases no address and makes no machine.
//
// 1. Optional things that are missing (images for an architecture, an upstream name server) are notes, not faults.
// 2. Its queries use their own hardware addresses (`own-probes.ts`): the rack reports them only in its log at DEBUG.
// 3. Without a daemon it sends no queries: each silence would count as a separate fault.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Cpu, findArchitecture } from '../boot/architectures.ts';
import { findEndpointFor, formatBaseUrl } from '../boot/endpoint.ts';
import { describeImage, findImage, type ImageQuery } from '../boot/images.ts';
import { isBuiltInLoader } from '../config/absent-loaders.ts';
import type { RackConfig } from '../config/rack-config.ts';
import { counted } from '../counted.ts';
import type { DhcpSubnet } from '../dhcp/networks/config.ts';
import { errorText, RackError } from '../errors.ts';
import { isOwnershipError } from '../files/ownership.ts';
import { formatIpv4, type Ipv4 } from '../net/address.ts';
import { openNetwork } from '../net/open-network.ts';
import { probeMac } from '../own-probes.ts';
import { OFFERS_MS, probeDhcp, type SeenOffer } from './dhcp-probe.ts';
import { probeDns } from './dns-probe.ts';
import type { Finding, Tell } from './finding.ts';
import type { HostFacts, RegionPortFacts } from './host-facts.ts';
import { judgeHost, judgeRegionPorts } from './host-judgement.ts';
import { probeHttp } from './http-probe.ts';
import { buildCommand, examineLoader, isLoaderAbsent } from './loader-check.ts';
import { judgeNotes } from './note-judgement.ts';
import { codeName, judgeOutside, upstreamFix } from './outside-judgement.ts';
import { judgeSilence, type RangeUse } from './silence.ts';
import { judgeTree } from './tree-judgement.ts';

interface Firmware {
  readonly label: string;
  /** Option 93. */
  readonly architecture: number;
}

/** Not probed: there is no loader for it, and slow servers would get one more DISCOVER to handle. */
const WITHOUT_LOADER: Firmware = { label: 'UEFI arm64 by HTTP', architecture: 19 };
const FIRMWARE: readonly Firmware[] = [
  { label: 'BIOS', architecture: 0 },
  { label: 'UEFI amd64', architecture: 7 },
  { label: 'UEFI amd64 by HTTP', architecture: 16 },
  { label: 'UEFI arm64', architecture: 11 },
];
/** The architecture that is built by default. */
const USUAL_CPU: Cpu = 'amd64';
/** A name that resolves wherever public names do. */
const OUTSIDE_NAME = 'debian.org';

/** Only a lab serves this interface. */
const LOOPBACK = 'lo';

export interface DoctorOptions {
  readonly config: RackConfig;
  /** The public name to look up; undefined: OUTSIDE_NAME. */
  readonly outsideName?: string | undefined;
  readonly commands: {
    /** The command that starts the rack on this host. */
    readonly start: string;
    /** The words that make other commands read the same configuration: ` --config FILE`, or empty. */
    readonly config: string;
  };
  /** False: no daemon answers here, so no network is probed. */
  readonly isRunning: boolean;
  /** Undefined: do not judge the host. */
  readonly host?: HostFacts | undefined;
  /** The running rack's notes; undefined: no rack was asked. */
  readonly notes?: readonly string[] | undefined;
  /** The running rack's dynamic ranges; undefined: no rack was asked. */
  readonly ranges?: readonly RangeUse[] | undefined;
  /** Why the running rack serves no network although it should; undefined if it serves one or no rack was asked. */
  readonly unserved?: string | undefined;
  /** Why leases cannot be written; undefined if they can, or no rack was asked. */
  readonly diskProblem?: string | undefined;
  /** The running rack's problem with its boot tree; undefined: none, or no rack was asked. */
  readonly treeProblem?: string | undefined;
  /** Why listeners of the running region are not open; undefined: no rack was asked. */
  readonly unopened?: readonly string[] | undefined;
  /** What keeps the region of a rack that does not run from its ports. */
  readonly regionPorts?: RegionPortFacts | undefined;
  /** Why the region does not run; undefined if it runs or no rack was asked. */
  readonly regionProblem?: string | undefined;
  /** How the store of the running region is damaged; undefined: no damage was found, or no rack was asked. */
  readonly regionDamage?: string | undefined;
  /** A number that differs from run to run. */
  readonly xid: number;
  readonly onFinding: (finding: Finding) => void;
}

/** A boot file that a machine was offered. */
interface OfferedFile {
  readonly file: string;
  readonly server: Ipv4;
  readonly cpu: Cpu;
}

/** For a fault whose line already says what to do, or that has many causes. */
const ANY_FIX = 'as the line says; `sudo rackboot events --level warning` and docs/troubleshooting.md say more';

/** The rack must be stopped first: a running region would keep writing while its file is replaced. */
const RESTORE_REGION =
  'sudo systemctl stop rackboot, put region.db back from a backup, remove region.db-wal and region.db-shm, then sudo systemctl start rackboot';

/** Runs every check for this configuration. @returns true if all of them passed */
export async function examine(options: DoctorOptions): Promise<boolean> {
  const { config } = options;
  const { start } = options.commands;
  let healthy = true;
  const tell: Tell = (check, ok, text, known) => {
    healthy &&= ok !== false;
    const fix = known ?? (ok === false ? ANY_FIX : undefined);
    const finding: Finding = { check, ok: ok !== false, text, ...(ok === 'note' ? { isNote: true } : {}) };
    options.onFinding(fix === undefined ? finding : { ...finding, fix });
  };
  if (options.host !== undefined) {
    for (const { check, ok, isNote, text, fix } of judgeHost(config, options.host))
      tell(check, isNote === true ? 'note' : ok, text, fix);
  }
  if (!options.isRunning) {
    // Strangers at the ports are among the facts of the host, if those were read.
    const ports = { absent: [], strangers: [], ...options.regionPorts };
    const strangers = options.host === undefined ? ports.strangers : [];
    for (const { check, ok, text, fix } of judgeRegionPorts({ ...ports, strangers })) tell(check, ok, text, fix);
    tell('rackboot', false, `is not running, so there is nothing to query; run: ${start}`, start);
    examineImages(options, tell);
    return false;
  }
  for (const { check, ok, text, fix } of judgeNotes(options.notes ?? [])) tell(check, ok, text, fix);
  for (const text of options.unopened ?? []) tell('region listener', false, text);
  if (options.diskProblem !== undefined) tell('disk', false, options.diskProblem, `df -h ${config.stateDir}`);
  if (options.regionDamage !== undefined) tell('region database', false, options.regionDamage, RESTORE_REGION);
  if (options.unserved !== undefined) tell('networks', false, `this rack ${options.unserved}`);
  else if (config.dhcp.subnets.length === 0) tell('dhcp', 'note', 'no network is managed; nothing to query');
  const files = new Map<string, OfferedFile>();
  for (const subnet of config.dhcp.subnets) {
    const { interfaceName, serverAddress } = subnet;
    if (interfaceName === undefined || serverAddress === undefined) {
      tell(`dhcp ${subnet.name}`, 'note', 'is reached only through relay agents; query it from there');
      continue;
    }
    for (const offered of await examineOffers(options, subnet, { interfaceName, serverAddress }, tell))
      files.set(offered.file, offered);
    await examineRegion(options, subnet.name, serverAddress, tell);
  }
  await examineTree(options, tell);
  examineImages(options, tell);
  for (const { file, server, cpu } of files.values()) {
    const build = isBuiltInLoader(file) ? buildCommand(cpu, options.commands.config) : undefined;
    await examineLoader({ config, file, server, build, tell });
  }
  await examineNames(options, tell);
  return healthy;
}

interface Link {
  readonly interfaceName: string;
  readonly serverAddress: Ipv4;
}

/** Asks for an offer for each kind of firmware. @returns the boot files that this rack offered */
async function examineOffers(
  { config, xid, commands, ranges }: DoctorOptions,
  subnet: DhcpSubnet,
  { interfaceName, serverAddress }: Link,
  tell: Tell,
): Promise<readonly OfferedFile[]> {
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
  else tellStrangers(`dhcp ${subnet.name}`, offers, own, tell);

  const files: OfferedFile[] = [];
  const bootable = readImages(config).cpus;
  const wanted = bootable.length > 0 ? bootable : [USUAL_CPU];
  for (const { label, architecture, xid } of machines) {
    const check = `dhcp ${subnet.name}: ${label}`;
    const offer = offers.find((seen) => seen.xid === xid && seen.server === own);
    const known = findArchitecture(architecture);
    if (offer === undefined) {
      const silence = `no offer from ${own} on ${interfaceName} within ${OFFERS_MS / 1000} s`;
      const { text, fix } = judgeSilence(silence, subnet.name, ranges ?? [], commands);
      tell(check, false, text, fix);
    } else if (offer.file === '') {
      tell(check, false, `was offered ${offer.address} without a boot file; name one in boot.loaders`);
    } else {
      const what = isProxied ? 'is told to load' : `is offered ${offer.address}, to load`;
      const cpu = known?.cpu ?? USUAL_CPU;
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
      if (known?.remark !== undefined && offer.file.endsWith(`/${known.loader}`)) tell(check, 'note', known.remark);
      files.push({ file: offer.file, server: serverAddress, cpu });
    }
  }
  tellWithoutLoader(config, subnet.name, tell);
  return files;
}

function tellUnprobed(check: string, interfaceName: string, error: unknown, tell: Tell): void {
  // The machines of a lab are on this host and use its DHCP port.
  const isLab = interfaceName === LOOPBACK && error instanceof RackError && error.code === 'address-in-use';
  const asking = 'a simulated machine of the lab is using DHCP, and only one client can at a time';
  if (isLab) tell(check, 'note', `is not probed now: ${asking}. Try again in a few seconds`);
  else tell(check, false, `cannot be probed: ${errorText(error)}`);
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

function tellWithoutLoader(config: RackConfig, subnet: string, tell: Tell): void {
  const { label, architecture } = WITHOUT_LOADER;
  if (!config.boot.loaders.has(String(architecture))) {
    const remark = findArchitecture(architecture)?.remark ?? 'there is no loader';
    tell(`dhcp ${subnet}: ${label}`, 'note', `gets nothing to load: ${remark}`);
  }
}

/** In proxy mode another server must give the addresses. */
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

function tellStrangers(check: string, offers: readonly SeenOffer[], own: string, tell: Tell): void {
  const strangers = new Map(offers.filter(({ server }) => server !== own).map((offer) => [offer.server, offer]));
  for (const [server, { address }] of strangers) {
    tell(
      check,
      false,
      `was also answered by ${server}, with an offer of ${address}, not only by this rack (${own}): ` +
        'another DHCP server is on this network; switch it off',
    );
  }
}

/** Running machines report to the region through the boot HTTP listener. */
async function examineRegion(
  { config, commands, regionProblem }: DoctorOptions,
  subnet: string,
  serverAddress: Ipv4,
  tell: Tell,
): Promise<void> {
  const check = `region from ${subnet}`;
  const endpoint = findEndpointFor(config.boot.http, serverAddress);
  if (endpoint === undefined) {
    tell(check, false, 'cannot be reached by machines: boot.http.listen names no address that they can reach');
    return;
  }
  const url = `${formatBaseUrl(endpoint)}/MAAS/api/version/`;
  try {
    await probeHttp(url);
    tell(check, true, `answers at ${url}`);
  } catch (error) {
    const why = regionProblem ?? `${errorText(error)}. See \`rackboot status${commands.config}\``;
    tell(check, false, `does not answer: ${why}`, `sudo rackboot status${commands.config}`);
  }
}

/** The rack may run as another user, so its own problem with the tree comes first. */
async function examineTree({ config, treeProblem }: DoctorOptions, tell: Tell): Promise<void> {
  if (treeProblem !== undefined) {
    tell('boot tree', false, treeProblem);
    return;
  }
  const judged = await judgeTree(config.boot.tree);
  if (judged !== undefined) tell('boot tree', judged.isFault ? false : 'note', judged.text);
}

interface ImagesOfTree {
  /** The architectures with an environment in the tree. */
  readonly cpus: readonly Cpu[];
  readonly absent: readonly Cpu[];
  /** False: this user may not read the tree. */
  readonly mayRead: boolean;
}

const queryOf = ({ boot }: RackConfig, architecture: Cpu): ImageQuery => ({
  architecture,
  subarchitecture: 'generic',
  releases: [boot.commissioningRelease],
  directory: boot.enlistWith === 'installer' ? 'install' : 'commissioning',
});

function readImages(config: RackConfig): ImagesOfTree {
  let mayRead = true;
  const hasFile = (path: string): boolean => {
    try {
      return statSync(join(config.boot.tree, path), { throwIfNoEntry: false })?.isFile() ?? false;
    } catch (error) {
      // A link without an end is no image.
      if (isOwnershipError(error)) mayRead = false;
      return false;
    }
  };
  const all = [...new Set(FIRMWARE.flatMap(({ architecture }) => findArchitecture(architecture)?.cpu ?? []))];
  const cpus = all.filter((cpu) => findImage(queryOf(config, cpu), hasFile) !== undefined);
  return { cpus, absent: all.filter((cpu) => !cpus.includes(cpu)), mayRead };
}

function examineImages({ config, commands }: DoctorOptions, tell: Tell): void {
  const { tree, enlistWith } = config.boot;
  const { cpus, absent, mayRead } = readImages(config);
  const describe = (cpu: Cpu): string => describeImage(queryOf(config, cpu));
  for (const cpu of cpus) tell(`images ${cpu}`, true, `${describe(cpu)} is in the tree`);
  if (cpus.length > 0) return;
  if (!mayRead) {
    tell('images', 'note', `this user may not read ${tree}: run this with sudo to see which images it has`);
    return;
  }
  const command = `sudo rackboot images ${enlistWith === 'installer' ? 'import-installer' : 'build'}${commands.config}`;
  const none = `has neither ${absent.map(describe).join(' nor ')}, which new machines boot`;
  tell('images', false, `${tree} ${none}; run \`${command}\``, command);
}

async function examineNames(options: DoctorOptions, tell: Tell): Promise<void> {
  const { config, commands } = options;
  const { dns } = config;
  const server = dns.listen[0];
  if (server === undefined) {
    tell('dns', true, 'no names are served; nothing to query');
    return;
  }
  const host = formatIpv4(server);
  const name = `${dns.selfName}.${dns.domains[0] ?? ''}`;
  try {
    const own = await probeDns(host, dns.listenPort, name);
    const ok = own.rcode === 0 && own.authoritative && own.addresses.length > 0;
    const seen = `was answered with ${codeName(own.rcode)} and ${counted(own.addresses.length, 'address', 'addresses')}`;
    tell(`dns ${name}`, ok, ok ? `is ${own.addresses.join(', ')}` : `${seen}; does another name server listen there?`);
  } catch (error) {
    tell(`dns ${name}`, false, `${errorText(error)}; is Rackboot running?`, commands.start);
    return;
  }
  if (dns.upstream.length === 0) {
    tell('dns outside', 'note', 'dns.upstream is empty: public names are refused');
    return;
  }
  const outsideName = options.outsideName ?? OUTSIDE_NAME;
  try {
    const outside = await probeDns(host, dns.listenPort, outsideName);
    const { check, ok, isNote, text, fix } = judgeOutside(outside, outsideName, dns.upstream);
    tell(check, isNote === true ? 'note' : ok, text, fix);
  } catch (error) {
    const servers = dns.upstream.map(({ address }) => formatIpv4(address)).join(', ');
    const text = `${errorText(error)}; do the servers of dns.upstream answer (${servers})?`;
    tell(`dns ${outsideName}`, false, text, upstreamFix(dns.upstream, outsideName));
  }
}
