// `rackboot doctor`: asks a running rack what a machine would ask, through other people's client code, and says in plain words
// what is wrong. It changes nothing: no address is bound, no machine is made.
//
// 1. What an operator need not have (an architecture without images, an upstream name server) is a note, and no fault.
// 2. Its questions bear hardware addresses of their own (`own-probes.ts`): the rack tells of them in its log at DEBUG, and nowhere else.
// 3. Without a daemon nobody is asked: every silence would be told as a fault of its own.

import { statSync } from 'node:fs';
import { join } from 'node:path';
import { type Cpu, findArchitecture } from '../boot/architectures.ts';
import { findEndpointFor, formatBaseUrl } from '../boot/endpoint.ts';
import { describeImage, findImage, type ImageQuery } from '../boot/images.ts';
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
import type { HostFacts } from './host-facts.ts';
import { judgeHost } from './host-judgement.ts';
import { probeHttp } from './http-probe.ts';
import { buildCommand, examineLoader, isLoaderAbsent } from './loader-check.ts';
import { judgeTree } from './tree-judgement.ts';

interface Firmware {
  readonly label: string;
  /** Option 93. */
  readonly architecture: number;
}

/** Not asked for: there is nothing to ask about, and slow servers would get one DISCOVER more to think over. */
const WITHOUT_LOADER: Firmware = { label: 'UEFI arm64 by HTTP', architecture: 19 };
const FIRMWARE: readonly Firmware[] = [
  { label: 'BIOS', architecture: 0 },
  { label: 'UEFI amd64', architecture: 7 },
  { label: 'UEFI amd64 by HTTP', architecture: 16 },
  { label: 'UEFI arm64', architecture: 11 },
];
/** What is built when nothing else is said. */
const USUAL_CPU: Cpu = 'amd64';
/** A name that exists wherever names of the outside world are known. */
const OUTSIDE_NAME = 'debian.org';

/** Only a lab serves it. */
const LOOPBACK = 'lo';

export interface DoctorOptions {
  readonly config: RackConfig;
  /** The outside name to ask for; undefined: OUTSIDE_NAME. */
  readonly outsideName?: string | undefined;
  readonly commands: {
    /** What starts the rack on this host. */
    readonly start: string;
    /** What every other command takes behind it to read the same configuration: ` --config FILE`, or nothing. */
    readonly config: string;
  };
  /** False: no daemon answers here, so no network is asked. */
  readonly isRunning: boolean;
  /** Undefined: the host is not looked at. */
  readonly host?: HostFacts | undefined;
  /** That the running rack serves no network although it should; undefined: it does, or none was asked. */
  readonly unserved?: string | undefined;
  /** That nothing can be written; undefined: it can, or none was asked. */
  readonly diskProblem?: string | undefined;
  /** What the running rack says is wrong with its boot tree; undefined: nothing, or none was asked. */
  readonly treeProblem?: string | undefined;
  /** Why the region does not run; undefined: it runs, or none was asked. */
  readonly regionProblem?: string | undefined;
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

/** Runs every check there is for this configuration. @returns true when all of them passed. */
export async function examine(options: DoctorOptions): Promise<boolean> {
  const { config } = options;
  const { start } = options.commands;
  let healthy = true;
  const tell: Tell = (check, ok, text, fix) => {
    healthy &&= ok !== false;
    const finding: Finding = { check, ok: ok !== false, text, ...(ok === 'note' ? { isNote: true } : {}) };
    options.onFinding(fix === undefined ? finding : { ...finding, fix });
  };
  if (options.host !== undefined) {
    for (const { check, ok, isNote, text, fix } of judgeHost(config, options.host))
      tell(check, isNote === true ? 'note' : ok, text, fix);
  }
  if (!options.isRunning) {
    tell('rackboot', false, `is not running, so nobody can be asked; type: ${start}`, start);
    examineImages(options, tell);
    return false;
  }
  if (options.diskProblem !== undefined) tell('disk', false, options.diskProblem, `df -h ${config.stateDir}`);
  if (options.unserved !== undefined) tell('networks', false, `this rack ${options.unserved}`);
  else if (config.dhcp.subnets.length === 0) tell('dhcp', 'note', 'no network is managed; nothing to ask');
  const files = new Map<string, OfferedFile>();
  for (const subnet of config.dhcp.subnets) {
    const { interfaceName, serverAddress } = subnet;
    if (interfaceName === undefined || serverAddress === undefined) {
      tell(`dhcp ${subnet.name}`, 'note', 'is reached through relay agents only; ask from there');
      continue;
    }
    for (const offered of await examineOffers(options, subnet, { interfaceName, serverAddress }, tell))
      files.set(offered.file, offered);
    await examineRegion(options, subnet.name, serverAddress, tell);
  }
  await examineTree(options, tell);
  examineImages(options, tell);
  for (const { file, server, cpu } of files.values()) {
    const build = buildCommand(cpu, options.commands.config);
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
  { config, xid, commands }: DoctorOptions,
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
    tellUnasked(`dhcp ${subnet.name}`, interfaceName, error, tell);
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
      const silence = `no offer of ${own} on ${interfaceName} within ${OFFERS_MS / 1000} s`;
      tell(
        check,
        false,
        `${silence}; is Rackboot running, and is the interface up? See \`rackboot status${commands.config}\``,
        commands.start,
      );
    } else if (offer.file === '') {
      tell(check, false, `was offered ${offer.address} without a boot file; name one in boot.loaders`);
    } else {
      const what = isProxied ? 'is told to load' : `is offered ${offer.address}, to load`;
      const cpu = known?.cpu ?? USUAL_CPU;
      if (!wanted.includes(cpu) && isLoaderAbsent(offer.file, serverAddress, config)) {
        tellAbsentLoader(
          check,
          `${what} ${offer.file}`,
          { cpu, tree: config.boot.tree, config: commands.config },
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

function tellUnasked(check: string, interfaceName: string, error: unknown, tell: Tell): void {
  // The machines of a lab are on this host, and hear its DHCP.
  const isLab = interfaceName === LOOPBACK && error instanceof RackError && error.code === 'address-in-use';
  const asking = 'a simulated machine of the lab is asking, and only one can at a time';
  if (isLab) tell(check, 'note', `is not asked now: ${asking}. Try again in a few seconds`);
  else tell(check, false, `cannot be asked: ${errorText(error)}`);
}

function tellAbsentLoader(
  check: string,
  offered: string,
  { cpu, tree, config }: { readonly cpu: Cpu; readonly tree: string; readonly config: string },
  tell: Tell,
): void {
  const build = `sudo ${buildCommand(cpu, config)}`;
  const absent = `which is not there, and no image for ${cpu} either`;
  const remedy = `machines of this kind do not boot here until \`${build}\` puts them into ${tree}`;
  tell(check, 'note', `${offered}, ${absent}: ${remedy}`, build);
}

function tellWithoutLoader(config: RackConfig, subnet: string, tell: Tell): void {
  const { label, architecture } = WITHOUT_LOADER;
  if (!config.boot.loaders.has(String(architecture))) {
    const remark = findArchitecture(architecture)?.remark ?? 'there is no loader';
    tell(`dhcp ${subnet}: ${label}`, 'note', `is given nothing to load: ${remark}`);
  }
}

/** In proxy mode somebody else has to give the addresses. */
function tellAddressServer(check: string, offers: readonly SeenOffer[], own: string, tell: Tell): void {
  const others = new Set(offers.filter(({ server }) => server !== own).map(({ server }) => server));
  if (others.size > 0) tell(check, true, `addresses are given by ${[...others].join(' and ')}`);
  else {
    const silence = `no other DHCP server offered an address within ${OFFERS_MS / 1000} s`;
    tell(
      check,
      false,
      `${silence}, and this rack gives none (mode: proxy); start the other one, or let this rack give them`,
    );
  }
}

function tellStrangers(check: string, offers: readonly SeenOffer[], own: string, tell: Tell): void {
  const strangers = new Map(offers.filter(({ server }) => server !== own).map((offer) => [offer.server, offer]));
  for (const [server, { address }] of strangers) {
    tell(
      check,
      false,
      `was answered by ${server} too, with an offer of ${address}, not only by this rack (${own}): ` +
        'another DHCP server is on this network; switch it off',
    );
  }
}

/** What a machine that runs says goes to the region, through the boot HTTP listener. */
async function examineRegion(
  { config, commands, regionProblem }: DoctorOptions,
  subnet: string,
  serverAddress: Ipv4,
  tell: Tell,
): Promise<void> {
  const check = `region from ${subnet}`;
  const endpoint = findEndpointFor(config.boot.http, serverAddress);
  if (endpoint === undefined) {
    tell(check, false, 'cannot be reached by machines: boot.http.listen names no address that they could ask');
    return;
  }
  const url = `${formatBaseUrl(endpoint)}/MAAS/api/version/`;
  try {
    await probeHttp(url);
    tell(check, true, `answers at ${url}`);
  } catch (error) {
    const why = regionProblem ?? `${errorText(error)}. See \`rackboot status${commands.config}\``;
    tell(check, false, `does not answer: ${why}`);
  }
}

/** The rack may be another user than whoever asks: what it says of the tree counts first. */
async function examineTree({ config, treeProblem }: DoctorOptions, tell: Tell): Promise<void> {
  if (treeProblem !== undefined) {
    tell('boot tree', false, treeProblem);
    return;
  }
  const judged = await judgeTree(config.boot.tree);
  if (judged !== undefined) tell('boot tree', judged.isFault ? false : 'note', judged.text);
}

interface ImagesOfTree {
  /** The architectures that the tree has an environment for. */
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
      if (!isOwnershipError(error)) throw error;
      mayRead = false;
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
    tell('images', 'note', `this user may not read ${tree}: ask by sudo which images it has`);
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
    tell('dns', true, 'no names are served; nothing to ask');
    return;
  }
  const host = formatIpv4(server);
  const name = `${dns.selfName}.${dns.domains[0] ?? ''}`;
  try {
    const own = await probeDns(host, dns.listenPort, name);
    const ok = own.rcode === 0 && own.authoritative && own.addresses.length > 0;
    const seen = `was answered with code ${own.rcode} and ${counted(own.addresses.length, 'address', 'addresses')}`;
    tell(`dns ${name}`, ok, ok ? `is ${own.addresses.join(', ')}` : `${seen}; does another name server listen there?`);
  } catch (error) {
    tell(`dns ${name}`, false, `${errorText(error)}; is Rackboot running?`, commands.start);
    return;
  }
  if (dns.upstream.length === 0) {
    tell('dns outside', 'note', 'dns.upstream is empty: names of the outside world are refused');
    return;
  }
  const outsideName = options.outsideName ?? OUTSIDE_NAME;
  const remedy = `do the servers of dns.upstream answer (${dns.upstream.map(({ address }) => formatIpv4(address)).join(', ')})?`;
  try {
    const outside = await probeDns(host, dns.listenPort, outsideName);
    const found = outside.rcode === 0 && outside.addresses.length > 0;
    const text = found ? `is ${outside.addresses.join(', ')}` : `was answered with code ${outside.rcode}; ${remedy}`;
    tell(`dns ${outsideName}`, found, text);
  } catch (error) {
    tell(`dns ${outsideName}`, false, `${errorText(error)}; ${remedy}`);
  }
}
