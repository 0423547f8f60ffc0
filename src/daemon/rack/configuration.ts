// The configuration in force, merged from the file and the settings in the region's store, and its replacement by a new one.
//
//   file saved, SIGHUP ─ readFile ──┐
//                                   ├─ #offer: resolve ─ host ─ hold back restart keys ─ ports.apply ─┬─ in force, reported key by key
//   store changed ────── useStored ─┘                                                                 └─ refused: nothing changes
//   a server's addresses changed ─ useAddresses ─ resolve what is in force ─ ports.apply
//
// 1. Changes are applied one at a time, each completely or not at all.
// 2. A refused file is read again when it is saved; refused settings of the store are retried with the next file.
// 3. Keys that need a restart keep their running values, and are reported.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { Clock, Instant } from '../../clock.ts';
import { type ConfigFile, formatProblems, readConfigFile, readConfigText } from '../../config/config-file.ts';
import { compareConfigs, holdKeys, type RunningLease, strander } from '../../config/difference.ts';
import { findCertificateProblems, findHostOverlaps } from '../../config/host-check.ts';
import { RESTART_KEYS } from '../../config/keys.ts';
import { loadFitting } from '../../config/load.ts';
import type { AddressesOf } from '../../config/option-list.ts';
import type { ConfigProblem, RackConfig } from '../../config/rack-config.ts';
import { resolveFile, type UsableConfig } from '../../config/resolve-file.ts';
import { listed } from '../../counted.ts';
import { errorText } from '../../errors.ts';
import { INTERFACES_KEY, NO_SETTINGS, type Settings, withoutStoredUsers } from '../../machines/settings.ts';
import { formatIpv4, formatNetwork } from '../../net/address.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import { unservedText } from '../../region/reports/service.ts';
import type { DaemonEvent } from './events.ts';
import { NAMED_MAX } from './status-line.ts';

// Explains why a rack with a remote region serves no network: its own region kept the networks before, and the region that accepted the rack
// has none for it. Pure.

/** The networks that a change of the store removed. */
interface LostNetworks {
  readonly sinceWallMs: number;
  /** Each with its name. */
  readonly networks: string;
  /** The command that restores the first of them in the region. */
  readonly command: string;
}

/** Finds the networks lost when `after` replaced `before`; undefined if a network is still served, or none was before. */
function findLost(
  before: { readonly config: RackConfig; readonly merged: Settings },
  after: RackConfig,
  sinceWallMs: number,
): LostNetworks | undefined {
  const had = before.config.clusterInterfaces;
  if (after.uplink.mode !== 'remote' || after.clusterInterfaces.length > 0 || had.length === 0) return undefined;
  const networks = had.map(({ name, network }) => `${name} ${formatNetwork(network)}`);
  const written = before.merged[INTERFACES_KEY];
  const first: unknown = Array.isArray(written) ? written[0] : undefined;
  const { name = 'NAME', ...entry }: { readonly name?: unknown } = Object(first);
  return {
    sinceWallMs,
    networks: listed(networks, NAMED_MAX),
    command: setCommand(String(name), JSON.stringify(entry), after.name),
  };
}

const setCommand = (name: string, value: string, rack: string): string =>
  `rackboot config set ${INTERFACES_KEY}.${name} '${value.replaceAll("'", "'\\''")}' --rack ${rack}`;

/** A sentence with the fault and its remedy; undefined if there is none. @param file the rack's configuration file */
function unservedProblem(
  { clusterInterfaces, uplink, name }: Pick<RackConfig, 'clusterInterfaces' | 'uplink' | 'name'>,
  file: string,
  lost: LostNetworks | undefined,
): string | undefined {
  if (clusterInterfaces.length > 0 || uplink.mode !== 'remote') return undefined;
  const about = { file, key: INTERFACES_KEY };
  if (lost === undefined) return unservedText({ ...about, command: setCommand('NAME', '{ … }', name) });
  const { networks, command, sinceWallMs } = lost;
  const since = new Date(sinceWallMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return unservedText({ ...about, command, lost: { networks, since } });
}

/** The most changed keys and stranded leases that are listed; the rest are counted. */
const REPORTED_MAX = 50;
/** Leases examined in one turn: with a million leases a change takes seconds, but delays no datagram. */
const TURN_LEASES = 1024;

export interface ConfigurationPorts {
  readonly clock: Clock;
  readonly publish: (event: DaemonEvent) => void;
  readonly host: () => readonly HostInterface[];
  /** Iterated over many turns of the event loop. */
  readonly leases: () => Iterable<RunningLease>;
  /** Replaces `before` by `next`. @throws RackError after restoring `before` */
  readonly apply: (next: RackConfig, before: RackConfig) => Promise<void>;
  /** Called after a configuration has taken effect. */
  readonly applied: (config: RackConfig) => void;
  /** Called after a configuration of either source was refused. */
  readonly refused: () => void;
}

/** A refused configuration. */
export interface Refusal {
  readonly source: Source;
  /** The first of the consecutive refusals. */
  readonly since: Instant;
  /** One problem per line. */
  readonly problems: string;
}

/** The source of a change. */
type Source = 'file' | 'store';

export class Configuration {
  readonly path: string;
  #usable: UsableConfig;
  /** The store's latest settings, whether or not they could be used. */
  #wanted: Settings;
  #changing: Promise<void> = Promise.resolve();
  /** Why the store's settings could not be used at startup. */
  #startProblems: string | undefined;
  #refusal: Refusal | undefined;
  #lost: LostNetworks | undefined;
  #restartKeys: readonly string[] = [];
  /** Of the servers that the configuration names. */
  #addressesOf: AddressesOf = () => [];

  /**
   * Reads the file and merges it with the cached settings of the store; if they conflict, the file alone is used.
   * @param stored reads the store's settings cached in this state directory
   * @throws RackError `config-unreadable`, `config-invalid`
   */
  constructor(path: string, stored: (stateDir: string) => Settings | undefined) {
    this.path = path;
    const { usable, wanted, refused } = loadFitting(path, stored);
    this.#usable = usable;
    this.#wanted = wanted;
    this.#startProblems = refused;
  }

  get config(): RackConfig {
    return this.#usable.config;
  }

  /** The configuration in force, with its values as written. */
  get usable(): UsableConfig {
    return this.#usable;
  }

  /** The problems of the last refused configuration; undefined once another one is in force. */
  get refused(): string | undefined {
    return this.#refusal?.problems;
  }

  /** The last refused configuration with its source and time; undefined if every requested change is in force. */
  get refusal(): Refusal | undefined {
    return this.#refusal;
  }

  /** The changed keys whose running values stay until a restart. */
  get restartKeys(): readonly string[] {
    return this.#restartKeys;
  }

  /** Why the store's settings are not in force; undefined if they are. */
  get settingsRefused(): string | undefined {
    if (isDeepStrictEqual(this.#wanted, this.#usable.stored)) return undefined;
    return this.refused ?? this.#startProblems;
  }

  /** Says that a rack with a remote region serves no network, and the remedy; undefined if it serves one or its region is embedded. */
  get unserved(): string | undefined {
    return unservedProblem(this.config, this.path, this.#lost);
  }

  /** Resolves when every change requested so far is in force or refused. */
  get settled(): Promise<void> {
    return this.#changing;
  }

  /** Reports once what could not be used at startup. */
  announce(ports: ConfigurationPorts): void {
    if (this.#startProblems === undefined) return;
    this.#refuse(ports, 'store', this.#startProblems);
    this.#startProblems = undefined;
  }

  /** Reads the file again. */
  readFile(ports: ConfigurationPorts): void {
    this.#enqueue(ports, 'file', () => {
      const read = readConfigFile(readConfigText(this.path));
      if (!read.ok) return read.problems;
      return isEmpty(read.file) && !isEmpty(this.#usable.file) ? [EMPTIED] : read.file;
    });
  }

  /** Applies the store's settings; does nothing if they are unchanged. */
  useStored(ports: ConfigurationPorts, settings: Settings | undefined): void {
    const wanted = withoutStoredUsers(settings ?? NO_SETTINGS);
    if (isDeepStrictEqual(wanted, this.#wanted)) return;
    this.#wanted = wanted;
    this.#enqueue(ports, 'store', () => this.#usable.file);
  }

  /** Puts the configuration in force again, with other addresses of the servers that it names. @throws as `apply` */
  useAddresses({ apply }: Pick<ConfigurationPorts, 'apply'>, addressesOf: AddressesOf): Promise<void> {
    const done = this.#changing.then(async () => {
      this.#addressesOf = addressesOf;
      const before = this.#usable;
      const parsed = resolveFile(before.file, before.stored, addressesOf);
      if (!parsed.ok) return;
      await apply(parsed.config, before.config);
      this.#usable = parsed;
    });
    this.#changing = done.catch(() => undefined);
    return done;
  }

  #enqueue(ports: ConfigurationPorts, source: Source, read: () => ConfigFile | readonly ConfigProblem[]): void {
    this.#changing = this.#changing.then(async () => {
      try {
        const file = read();
        if (isProblems(file)) this.#refuse(ports, source, formatProblems(this.path, file));
        else await this.#offer(ports, source, file);
      } catch (error) {
        this.#refuse(ports, source, errorText(error));
      }
    });
  }

  async #offer(ports: ConfigurationPorts, source: Source, file: ConfigFile): Promise<void> {
    const before = this.#usable;
    const parsed = resolveFile(file, this.#wanted, this.#addressesOf);
    const problems = parsed.ok
      ? [
          ...findHostOverlaps(parsed, ports.host()),
          ...(source === 'file' ? findCertificateProblems(parsed.config) : []),
        ]
      : parsed.problems;
    if (!parsed.ok || problems.length > 0) {
      this.#refuse(ports, source, formatProblems(this.path, problems));
      return;
    }
    const { usable, keys } = holdBack(before, parsed, this.#addressesOf);
    if (keys.length > 0) ports.publish({ kind: 'config.needs-restart', at: ports.clock.now(), keys: keys.join(' ') });
    await ports.apply(usable.config, before.config);
    this.#usable = usable;
    this.#refusal = undefined;
    // The store's settings are merged with the file that is in force, which has the running values.
    this.#restartKeys = source === 'file' ? keys : [...new Set([...this.#restartKeys, ...keys])];
    ports.applied(usable.config);
    if (source === 'store') this.#noteLoss(ports, before);
    await this.#report(ports, source, before);
  }

  #noteLoss({ clock, publish }: ConfigurationPorts, before: UsableConfig): void {
    const lost = findLost(before, this.config, clock.wallTimeMs());
    if (lost === undefined) return;
    this.#lost = lost;
    publish({ kind: 'config.networks-lost', at: clock.now(), networks: lost.networks, command: lost.command });
  }

  async #report({ clock, publish, leases }: ConfigurationPorts, source: Source, before: UsableConfig): Promise<void> {
    const at = clock.now();
    const changes = compareConfigs(before, this.#usable);
    for (const { key, before: was, after } of changes.slice(0, REPORTED_MAX))
      publish({ kind: 'config.changed', at, key, before: was, after });
    const { count, addresses } = await findStranded(leases(), strander(before.config, this.config));
    if (count > 0) publish({ kind: 'config.stranded', at, leases: count, addresses: addresses.join(' ') });
    publish({ kind: 'config.applied', at, file: this.path, source, changes: changes.length });
  }

  #refuse({ clock, publish, refused }: ConfigurationPorts, source: Source, problems: string): void {
    const at = clock.now();
    this.#refusal = { source, since: this.#refusal?.since ?? at, problems };
    publish({ kind: 'config.refused', at, file: this.path, source, problems });
    refused();
  }
}

/** Counts the leases that a change strands, and lists the first addresses. */
async function findStranded(leases: Iterable<RunningLease>, isStranded: (lease: RunningLease) => boolean) {
  const addresses: string[] = [];
  let [count, seen] = [0, 0];
  for (const lease of leases) {
    if (isStranded(lease)) {
      count += 1;
      if (addresses.length < REPORTED_MAX) addresses.push(formatIpv4(lease.address));
    }
    seen += 1;
    if (seen % TURN_LEASES === 0) await nextTurn();
  }
  return { count, addresses };
}

/** A rack may start with an empty file and serve no network. But a file that becomes empty while the rack serves is a mistake. */
const EMPTIED: ConfigProblem = {
  path: '',
  line: undefined,
  message: 'is empty: it was truncated, or its disk is full; restore it, or stop the rack',
};
const isEmpty = ({ values }: ConfigFile): boolean => Object.keys(values).length === 0;

const isProblems = (value: ConfigFile | readonly ConfigProblem[]): value is readonly ConfigProblem[] =>
  Array.isArray(value);

/** The new configuration with the running values of all keys that need a restart, and the names of those that differ. */
function holdBack(
  running: UsableConfig,
  next: UsableConfig,
  addressesOf: AddressesOf,
): { readonly usable: UsableConfig; readonly keys: readonly string[] } {
  const keys = compareConfigs(running, next)
    .filter(({ restart }) => restart !== undefined)
    .map(({ key }) => key);
  const written = RESTART_KEYS.filter((rule) => keys.some((one) => one === rule || one.startsWith(`${rule}.`)));
  const resolve = (file: ConfigFile, stored: Settings) => resolveFile(file, stored, addressesOf);
  return { usable: holdKeys(running, next, { keys, written, resolve }), keys };
}
