// `rackboot boot`: boots machines with files named on the command line, beside the network's own
// DHCP server or as the server, and keeps nothing.
//
//   a temporary state ─ a configuration with one profile ─ the daemon, here ─▶ a machine is heard ─ its boot is shown ─▶ Ctrl-C, or --once
//
// 1. It is the daemon that `run` starts: whatever boots by a profile boots here.
// 2. Files stay where they are. Loaders come from the host's packages.
// 3. Root opens the files and gives up root before it serves anything (`state-owner.ts`). A file
//    that the user of the service cannot read is served as it was opened.
// 4. Nothing of it is left: leases, keys and log lie in the temporary directory, which goes at the end.

import {
  accessSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  realpathSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { basename, join, resolve } from 'node:path';
import { bootsFromHttp, FIRMWARE_ARCHITECTURES, formatEfiSuffix } from '../../boot/architectures.ts';
import { IPXE_UEFI } from '../../boot/loader-limits.ts';
import { parseConfig } from '../../config/load.ts';
import { findOldGrub } from '../../config/old-grub.ts';
import { followDaemon } from '../../control/ask-daemon.ts';
import { startDaemon } from '../../daemon/daemon.ts';
import { findOwnUserName, isOwnershipError } from '../../files/ownership.ts';
import { readVersion } from '../../files/program-version.ts';
import { makeTemporaryDirectory } from '../../files/temporary-directory.ts';
import { formatIpv4, formatMac, formatNetwork, networkWithPrefix, parseMac } from '../../ground/address.ts';
import { BoundedMap } from '../../ground/bounded-map.ts';
import { type Clock, systemClock, type Timer } from '../../ground/clock.ts';
import { RackError } from '../../ground/errors.ts';
import { findHostLoaders } from '../../images/build/loaders.ts';
import { keepOpen } from '../../net/linux/libc.ts';
import { readHostInterfaces } from '../../net/present-interfaces.ts';
import { MACHINES_MAX, QUIET_MS } from '../../observe/timeline.ts';
import { SIGNALS } from '../images/stop-signals.ts';
import { print, printError } from '../terminal/output.ts';
import { continueAsServer } from '../terminal/state-owner.ts';
import type { Step } from './logged-steps.ts';
import { StepPrinter, stepFeedShape } from './trace.ts';

interface BootRequest {
  readonly interface: string;
  readonly kernel?: string | undefined;
  readonly initrd?: readonly string[] | undefined;
  readonly arguments: string;
  readonly iso?: string | undefined;
  readonly efi?: string | undefined;
  readonly disk?: string | undefined;
  readonly mac?: string | undefined;
  readonly serve?: string | undefined;
  readonly range?: string | undefined;
  readonly once: boolean;
}

/** What the machine is to boot: the profile without its name, and its files by their path in the tree. */
interface Booted {
  readonly profile: Readonly<Record<string, unknown>>;
  readonly files: ReadonlyMap<string, string>;
  /** Descriptors of those that this user may not open. */
  readonly opened: ReadonlyMap<string, number>;
}

const HTTP_PORT = 5248;
/** Nothing answers at this port (discard), so no machine is shown a region's pages. */
const NO_REGION = 'http://127.0.0.1:9/MAAS';
const ARCHITECTURES = ['amd64', 'arm64'] as const;

/** Parts of keys, with the options that fill them. */
const OPTION_OF_KEY = [
  ['ip_range', '--range'],
  ['arguments', '--arguments'],
  ['cluster_interfaces', '--interface'],
] as const;

const wrong = (text: string) => new RackError('bad-argument', text);

/** @throws RackError `bad-argument` */
function givenPath(option: string, path: string, kind: 'file' | 'directory' = 'file'): string {
  const stats = existsSync(path) ? statSync(path) : undefined;
  const isThere = kind === 'file' ? stats?.isFile() : stats?.isDirectory();
  if (isThere !== true) throw wrong(`--${option} ${path}: there is no such ${kind}`);
  return realpathSync(path);
}

/**
 * The environment variable with the descriptors of the files, in their order, for the process that
 * has given up root.
 */
const OPENED_FILES = 'RACKBOOT_BOOT_FILES';

/**
 * Opens the files if this process is root, which then gives up root.
 * @throws RackError `bad-argument` without the directory of `--serve`, and as `continueAsServer`
 */
function giveUpRoot(paths: Iterable<string>, serve: string | undefined): void {
  if (process.getuid?.() !== 0) return;
  if (serve !== undefined) givenPath('serve', serve, 'directory');
  const opened = [...paths].map((path) => openSync(path, 'r'));
  for (const descriptor of opened) keepOpen(descriptor);
  continueAsServer({ [OPENED_FILES]: opened.join() });
}

/** The descriptor of a file that root has opened, if this user may not read it. */
function openedAt(index: number, path: string): number | undefined {
  const descriptor = process.env[OPENED_FILES]?.split(',')[index] ?? '';
  return descriptor === '' || isReadable(path) ? undefined : Number(descriptor);
}

function isReadable(path: string, mode = constants.R_OK): boolean {
  try {
    accessSync(path, mode);
    return true;
  } catch (error) {
    return !isOwnershipError(error);
  }
}

/**
 * The directory of `--serve`. @throws RackError `bad-argument` also if it would show what this
 * command keeps in `directory`, or is somebody's home
 */
function servedDirectory(path: string, directory: string): string {
  if (!isReadable(path, constants.R_OK | constants.X_OK))
    throw new RackError(
      'permission-denied',
      `--serve ${path}: ${findOwnUserName()}, who serves it, may not read it: move it to a place such as /srv, or sudo chmod -R a+rX ${path}`,
    );
  const served = givenPath('serve', path, 'directory');
  const keys = [realpathSync(directory), join(served, '.ssh')].find(
    (path) => path.startsWith(join(served, '/')) && existsSync(path),
  );
  if (keys !== undefined)
    throw wrong(`--serve ${path}: everyone could read ${keys} in it, which holds keys: name a directory of files`);
  return served;
}

function bootedBy({ kernel, initrd = [], arguments: words, ...request }: BootRequest): Booted {
  const files = new Map<string, string>();
  const opened = new Map<string, number>();
  const add = (option: string, path: string): string => {
    const name = `boot/${files.size}-${basename(path).replaceAll(/[^A-Za-z0-9._-]/g, '_')}`;
    const descriptor = openedAt(files.size, path);
    files.set(name, descriptor === undefined ? givenPath(option, path) : resolve(path));
    if (descriptor !== undefined) opened.set(name, descriptor);
    return name;
  };
  const others = (['iso', 'efi', 'disk'] as const).flatMap((kind) => {
    const path = request[kind];
    return path === undefined ? [] : [{ kind, path }];
  });
  const [only, ...more] = others;
  if (more.length > 0 || (only !== undefined && kernel !== undefined) || (only === undefined && kernel === undefined))
    throw wrong('name what the machine is to boot: one of --kernel, --iso, --efi or --disk');
  if (only !== undefined) {
    if (initrd.length > 0 || words !== '') throw wrong('--initrd and --arguments go with --kernel only');
    return { profile: { kind: only.kind, file: add(only.kind, only.path) }, files, opened };
  }
  const file = add('kernel', kernel ?? '');
  const initrds = initrd.map((path) => add('initrd', path));
  return { profile: { kind: 'kernel', file, initrds, arguments: words }, files, opened };
}

/** The first IPv4 address of an interface, which may have no carrier yet. @throws RackError `bad-argument` */
function findAddress(name: string): { readonly ip: string; readonly network: string } {
  const interfaces = readHostInterfaces();
  const match = interfaces.find((candidate) => candidate.name === name);
  if (match === undefined) {
    const names = interfaces.map((interfaceName) => interfaceName.name).filter((one) => one !== 'lo');
    throw wrong(`--interface ${name}: this host has no such interface; it has ${names.join(', ')}`);
  }
  if (!match.up) throw wrong(`--interface ${name} is down: sudo ip link set ${name} up`);
  const [first] = match.addresses;
  if (first === undefined)
    throw wrong(
      `--interface ${name} has no IPv4 address: set one, such as sudo ip address add 10.20.0.1/24 dev ${name}`,
    );
  if (!match.carrier) printError(`rackboot: ${name} has no carrier yet: no cable, or the machine at its end is off`);
  return { ip: formatIpv4(first.address), network: formatNetwork(networkWithPrefix(first.address, first.prefix)) };
}

/** A hardware address as the daemon writes it. @throws RackError `bad-argument` */
function chosenMac(text: string): string {
  const mac = parseMac(text);
  if (mac === undefined) throw wrong(`--mac ${text}: expected a hardware address`);
  return formatMac(mac);
}

/** False: another program has this TCP port, or this user may not. */
function isFree(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(false));
    server.listen({ host, port, exclusive: true }, () => server.close(() => done(true)));
  });
}

async function buildConfiguration(
  request: BootRequest,
  directory: string,
  profile: Booted['profile'],
  hostLoaders: ReadonlyMap<string, string>,
) {
  const { ip, network } = findAddress(request.interface);
  const [, low, high] = /^([\d.]+)-([\d.]+)$/.exec(request.range ?? '') ?? [];
  if (request.range !== undefined && high === undefined)
    throw wrong(`--range ${request.range}: expected two addresses, such as 10.20.0.100-10.20.0.199`);
  const { mac } = request;
  const macs = mac === undefined ? [] : [mac];
  const others = [
    { name: 'chosen', when: { mac: macs }, deny: false },
    { name: 'all', when: { mac: '*' }, deny: true },
  ];
  const isServer = request.range !== undefined;
  const otherLoaders = replaceOldGrubs(hostLoaders, isServer, (note) => printError(`rackboot: ${note}`));
  const has80 = await isFree(ip, 80);
  return {
    name: 'boot',
    state_dir: directory,
    log: { file: join(directory, 'log') },
    cluster_interfaces: [
      {
        name: 'boot',
        interface: request.interface,
        ip,
        network,
        management: 1,
        ...(isServer ? { ip_range_low: low, ip_range_high: high, router_ip: ip } : { mode: 'proxy' }),
      },
    ],
    dhcp: { classes: mac === undefined ? [] : others },
    dns: { listen: [] },
    metrics: { listen: [] },
    region: { mode: 'remote', url: NO_REGION },
    boot: {
      loaders: otherLoaders,
      tree: request.serve === undefined ? join(directory, 'tree') : servedDirectory(request.serve, directory),
      http: { listen: [`${ip}:${HTTP_PORT}`, ...(has80 ? [`${ip}:80`] : [])] },
      profiles: [{ name: 'boot', title: 'boot', ...profile, machines: macs, unknown: mac === undefined }],
    },
  };
}

/**
 * `boot.loaders` where the host's GRUB is too old: iPXE for each UEFI that this GRUB fails. It is
 * kept where it works, since it starts under Secure Boot, which iPXE does not.
 *
 * @param files the host's loaders @param tell called for each such GRUB
 */
export function replaceOldGrubs(
  files: ReadonlyMap<string, string>,
  isServer: boolean,
  tell: (note: string) => void,
): Readonly<Record<string, string>> {
  const replaced = ARCHITECTURES.flatMap((cpu) => {
    const old = findOldGrub('/', files.get(`grub${formatEfiSuffix(cpu)}.efi`) ?? '');
    if (old === undefined) return [];
    const ipxe = IPXE_UEFI[cpu];
    const remedy = files.has(ipxe)
      ? `${cpu} machines get iPXE there, which does not start under Secure Boot`
      : 'sudo apt-get install ipxe, which they then get there';
    tell(`${old}, which stops at its prompt after HTTP boot and beside another DHCP server: ${remedy}`);
    const failed = FIRMWARE_ARCHITECTURES.filter(
      (architecture) =>
        architecture.firmware === 'uefi' && architecture.cpu === cpu && (!isServer || bootsFromHttp(architecture.code)),
    );
    return files.has(ipxe) ? failed.map(({ code }) => [code, ipxe]) : [];
  });
  return Object.fromEntries(replaced);
}

/** Names the option, not the key that it is written to. @throws RackError `bad-argument` */
function checkConfiguration(text: string): void {
  const parsed = parseConfig(text);
  if (parsed.ok) return;
  const problems = parsed.problems.map(({ path, message }) => {
    const option = OPTION_OF_KEY.find(([key]) => path.includes(key))?.[1] ?? path;
    return `${option}: ${message}`;
  });
  throw wrong(problems.join('\n'));
}

/** The host's loaders. @throws RackError `tool-missing` if there are none */
function loaders(): ReadonlyMap<string, string> {
  const loaders = ARCHITECTURES.map(findHostLoaders);
  const files = new Map(loaders.flatMap((loader) => [...loader.files]));
  if (files.size > 0) return files;
  const packages = loaders[0]?.missing.join(' ');
  throw new RackError('tool-missing', `this host has no boot loaders: sudo apt-get install ${packages}`);
}

/**
 * Shows what the machine of `macs` does, or else every machine, until `signal`. @param onStep
 * called with each step shown
 */
async function showBoots(
  stateDir: string,
  only: string | undefined,
  signal: AbortSignal,
  onStep: (mac: string, step: Step) => void,
): Promise<void> {
  const printers = new BoundedMap<string, StepPrinter>(MACHINES_MAX, 'used longest ago');
  let lastMac: string | undefined;
  const onLine = (value: unknown): void => {
    const { mac, step } = stepFeedShape.parse(value);
    const isOther = only !== undefined && mac !== only;
    if (!(isOther ? /^dhcp\.refused$/ : /^(?:boot|dhcp|tftp|http)\./).test(step.kind)) return;
    const isNew = !printers.has(mac);
    const printer = printers.getOrMake(mac, () => new StepPrinter(false));
    if (isOther) {
      if (isNew) print(`${mac} is not the machine of --mac.`);
      return;
    }
    if (mac !== lastMac) print(mac);
    lastMac = mac;
    printer.print(step);
    onStep(mac, step);
  };
  await followDaemon(stateDir, '/trace/follow?follow=yes', onLine, signal);
}

/**
 * Aborts `end` when a machine has these files, for `--once`: every byte of each, however a loader
 * divides it. Of a disc a machine reads what it needs, as often as it likes, so that is over when
 * nothing of it was read for QUIET_MS.
 *
 * @param sizes bytes of each file, by its path in the tree
 * @returns to be called with each step of each machine
 */
export function awaitFiles(
  sizes: ReadonlyMap<string, number>,
  isDisc: boolean,
  clock: Pick<Clock, 'schedule'>,
  end: AbortController,
): (mac: string, step: Pick<Step, 'kind' | 'fields'>) => void {
  const machines = new BoundedMap<string, Map<string, number>>(MACHINES_MAX, 'used longest ago');
  let silence: Timer | undefined;
  return (mac, { kind, fields: { file, bytes } }) => {
    if (!/^(?:tftp\.sent|http\.file-sent)$/.test(kind) || typeof file !== 'string' || typeof bytes !== 'number') return;
    const name = file.replace(/^\//, '');
    if (!sizes.has(name)) return;
    if (isDisc) {
      silence?.cancel();
      silence = clock.schedule(QUIET_MS, () => end.abort());
      return;
    }
    const loaded = machines.getOrMake(mac, () => new Map());
    loaded.set(name, (loaded.get(name) ?? 0) + bytes);
    if ([...sizes].every(([one, size]) => (loaded.get(one) ?? -1) >= size)) end.abort();
  };
}

const fileSize = (file: string | number): number => (typeof file === 'number' ? fstatSync(file) : statSync(file)).size;

/** @throws RackError `bad-argument`, `tool-missing`, `permission-denied`, and those of the daemon's start */
export async function bootMachines(written: BootRequest): Promise<number> {
  const request = { ...written, mac: written.mac === undefined ? undefined : chosenMac(written.mac) };
  const { profile, files, opened } = bootedBy(request);
  const hostLoaders = loaders();
  giveUpRoot(files.values(), request.serve);
  const served = new Map<string, string | number>([...hostLoaders, ...files, ...opened]);
  const directory = makeTemporaryDirectory('rackboot-boot-');
  const end = new AbortController();
  const stop = (): void => end.abort();
  for (const signal of SIGNALS) process.on(signal, stop);
  const sizes = new Map([...files].map(([name, path]) => [name, fileSize(opened.get(name) ?? path)]));
  const isDisc = profile.kind === 'iso' || profile.kind === 'disk';
  const onStep = awaitFiles(sizes, isDisc, systemClock, end);
  try {
    const configuration = await buildConfiguration(request, directory, profile, hostLoaders);
    const configFile = join(directory, 'rackboot.yaml');
    const text = JSON.stringify(configuration);
    checkConfiguration(text);
    writeFileSync(configFile, text, { mode: 0o600 });
    let failure: RackError | undefined;
    const onFatal = (error: RackError): void => {
      failure = error;
      stop();
    };
    const daemon = await startDaemon({
      configFile,
      version: readVersion(),
      clock: systemClock,
      outsideFiles: served,
      onFatal,
    }).catch((error: unknown) => {
      if (!(error instanceof RackError && error.code === 'address-in-use')) throw error;
      const text = error.message.replace(/, or (?:change|configure) .*/, ', or give another --interface');
      throw new RackError(error.code, text, { cause: error });
    });
    const who = request.mac ?? 'every machine that boots from the network';
    const how = request.range === undefined ? 'beside its DHCP server' : 'as its DHCP server';
    if (isDisc)
      printError('rackboot: UEFI starts a disc or disk by iPXE, which Secure Boot refuses: turn it off there');
    print(`On ${request.interface}, ${how}: ${who} boots ${[...files.values()].join(', ')}. Ctrl-C ends.`);
    await showBoots(directory, request.mac, end.signal, request.once ? onStep : () => undefined);
    await daemon.stop('SIGTERM');
    if (failure !== undefined) throw failure;
    return 0;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    rmSync(directory, { recursive: true, force: true });
  }
}
