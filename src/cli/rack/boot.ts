// `rackboot boot`: boots machines with files named on the command line, beside the network's own DHCP server or as the server, and keeps nothing.
//
//   a temporary state ─ a configuration with one profile ─ the daemon, here ─▶ a machine is heard ─ its boot is shown ─▶ Ctrl-C, or --once
//
// 1. It is the daemon that `run` starts: whatever boots by a profile boots here.
// 2. Files stay where they are. Loaders come from the host's packages.
// 3. Nothing of it is left: leases, keys and log lie in the temporary directory, which goes at the end.

import { existsSync, realpathSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { networkInterfaces } from 'node:os';
import { basename, join, resolve } from 'node:path';
import { systemClock } from '../../clock.ts';
import { askDaemon, followDaemon } from '../../control/ask-daemon.ts';
import { startDaemon } from '../../daemon/daemon.ts';
import { RackError } from '../../errors.ts';
import { readVersion } from '../../files/program-version.ts';
import { makeTemporaryDirectory } from '../../files/temporary-directory.ts';
import { findHostLoaders } from '../../images/loaders.ts';
import { formatMac, parseMac } from '../../net/address.ts';
import { pause, SIGNALS } from '../images/stop-signals.ts';
import { print } from '../terminal/output.ts';
import { feedShape, StepPrinter, seenShape } from './trace.ts';

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
}

const HTTP_PORT = 5248;
/** How often the daemon is asked which machines it has heard, in milliseconds. */
const LOOK_MS = 300;
const ARCHITECTURES = ['amd64', 'arm64'] as const;

const wrong = (text: string) => new RackError('bad-argument', text);

/** @throws RackError `bad-argument` */
function givenFile(option: string, path: string): string {
  const whole = resolve(path);
  if (!existsSync(whole) || !statSync(whole).isFile()) throw wrong(`--${option} ${path}: there is no such file`);
  return realpathSync(whole);
}

function bootedBy({ kernel, initrd = [], arguments: words, ...request }: BootRequest): Booted {
  const files = new Map<string, string>();
  const add = (option: string, path: string): string => {
    const name = `boot/${files.size}-${basename(path).replaceAll(/[^A-Za-z0-9._-]/g, '_')}`;
    files.set(name, givenFile(option, path));
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
    return { profile: { kind: only.kind, file: add(only.kind, only.path) }, files };
  }
  const file = add('kernel', kernel ?? '');
  const initrds = initrd.map((path) => add('initrd', path));
  return { profile: { kind: 'kernel', file, initrds, arguments: words }, files };
}

/** The first IPv4 address of an interface. @throws RackError `bad-argument` */
function placeOf(name: string): { readonly ip: string; readonly netmask: string } {
  const known = networkInterfaces();
  const found = known[name]?.find(({ family }) => family === 'IPv4');
  if (found !== undefined) return { ip: found.address, netmask: found.netmask };
  const names = Object.keys(known).filter((one) => one !== 'lo');
  throw wrong(
    known[name] === undefined
      ? `--interface ${name}: this host has no such interface, or it is down; it has ${names.join(', ')}`
      : `--interface ${name} has no IPv4 address: set one, such as sudo ip address add 10.20.0.1/24 dev ${name}`,
  );
}

/** A TCP port that is free; 0 chooses one. `undefined`: another program has it, or this user may not. */
function freePort(host: string, port: number): Promise<number | undefined> {
  return new Promise((done) => {
    const server = createServer();
    server.once('error', () => done(undefined));
    server.listen({ host, port, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => done(typeof bound === 'object' ? bound?.port : undefined));
    });
  });
}

async function configurationOf(request: BootRequest, directory: string, profile: Booted['profile']) {
  const { ip, netmask } = placeOf(request.interface);
  const [, low, high] = /^([\d.]+)-([\d.]+)$/.exec(request.range ?? '') ?? [];
  if (request.range !== undefined && high === undefined)
    throw wrong(`--range ${request.range}: expected two addresses, such as 10.20.0.100-10.20.0.199`);
  const mac = request.mac === undefined ? undefined : parseMac(request.mac);
  if (request.mac !== undefined && mac === undefined) throw wrong(`--mac ${request.mac}: expected a hardware address`);
  const only = mac === undefined ? [] : [formatMac(mac)];
  const others = [
    { name: 'chosen', when: { mac: only }, deny: false },
    { name: 'others-that-boot', when: { vendor_class: '*' }, deny: true },
    { name: 'others', when: { hostname: '*' }, deny: true },
  ];
  const isServer = request.range !== undefined;
  const page = await freePort('127.0.0.1', 0);
  const port80 = await freePort(ip, 80);
  return {
    name: 'boot',
    state_dir: directory,
    log: { file: join(directory, 'log') },
    cluster_interfaces: [
      {
        name: 'boot',
        interface: request.interface,
        ip,
        subnet_mask: netmask,
        management: 1,
        ...(isServer ? { ip_range_low: low, ip_range_high: high, router_ip: ip } : { mode: 'proxy' }),
      },
    ],
    dhcp: { classes: mac === undefined ? [] : others },
    dns: { listen: [] },
    metrics: { listen: [] },
    region: { listen: [`127.0.0.1:${page}`] },
    boot: {
      tree: request.serve === undefined ? join(directory, 'tree') : resolve(request.serve),
      http: { listen: [`${ip}:${HTTP_PORT}`, ...(port80 === undefined ? [] : [`${ip}:80`])] },
      profiles: [{ name: 'boot', title: 'boot', ...profile, machines: only, unknown: mac === undefined }],
    },
  };
}

/** The host's loaders. @throws RackError `tool-missing` if there are none */
function loaders(): ReadonlyMap<string, string> {
  const found = ARCHITECTURES.map(findHostLoaders);
  const files = new Map(found.flatMap((one) => [...one.files]));
  if (files.size > 0) return files;
  const packages = found[0]?.missing.join(' ');
  throw new RackError('tool-missing', `this host has no boot loaders: sudo apt-get install ${packages}`);
}

/** Shows the boots of all machines that the daemon hears, until `signal`. @param onSent called with each file that a machine has whole */
async function showBoots(stateDir: string, signal: AbortSignal, onSent: (file: string) => void): Promise<void> {
  const followed = new Set<string>();
  const follow = (mac: string): Promise<void> => {
    const printer = new StepPrinter(false);
    return followDaemon(
      stateDir,
      `/trace/follow?machine=${encodeURIComponent(mac)}&follow=yes`,
      (value) => {
        const part = feedShape.parse(value);
        for (const step of 'trace' in part ? part.trace.steps : [part.step]) {
          printer.print(step);
          const { file } = step.fields;
          if (/^(?:tftp\.sent|http\.file-sent)$/.test(step.kind) && typeof file === 'string') onSent(file);
        }
      },
      signal,
    );
  };
  while (!signal.aborted) {
    for (const { mac, step } of seenShape.parse(await askDaemon(stateDir, '/seen'))) {
      if (followed.has(mac) || !/^(?:dhcp|tftp|http)\./.test(step.kind)) continue;
      followed.add(mac);
      void follow(mac).catch(() => undefined);
    }
    await pause(LOOK_MS, signal);
  }
}

/** @throws RackError `bad-argument`, `tool-missing`, and those of the daemon's start */
export async function bootMachines(request: BootRequest): Promise<number> {
  const { profile, files } = bootedBy(request);
  const given = new Map([...loaders(), ...files]);
  const directory = makeTemporaryDirectory('rackboot-boot-');
  const end = new AbortController();
  const stop = (): void => end.abort();
  for (const signal of SIGNALS) process.on(signal, stop);
  const wanted = new Set(files.keys());
  try {
    const configuration = await configurationOf(request, directory, profile);
    const configFile = join(directory, 'rackboot.yaml');
    writeFileSync(configFile, JSON.stringify(configuration), { mode: 0o600 });
    let failure: RackError | undefined;
    const onFatal = (error: RackError): void => {
      failure = error;
      stop();
    };
    const daemon = await startDaemon({ configFile, version: readVersion(), clock: systemClock, given, onFatal });
    const who = request.mac ?? 'every machine that boots from the network';
    const how = request.range === undefined ? 'beside its DHCP server' : 'as its DHCP server';
    print(`On ${request.interface}, ${how}: ${who} boots ${[...files.values()].join(', ')}. Ctrl-C ends.`);
    await showBoots(directory, end.signal, (file) => {
      wanted.delete(file.replace(/^\//, ''));
      if (request.once && wanted.size === 0) stop();
    });
    await daemon.stop('SIGTERM');
    if (failure !== undefined) throw failure;
    return 0;
  } finally {
    for (const signal of SIGNALS) process.off(signal, stop);
    rmSync(directory, { recursive: true, force: true });
  }
}
