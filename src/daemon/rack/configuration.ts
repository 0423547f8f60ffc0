// The configuration in force, merged from the file and the settings in the region's store, and its
// replacement by a new one.
//
//   file saved, SIGHUP ─ readFile ──┐
//                                   ├─ resolve ─ check the host ─ apply (`config/running-config.ts`)
//   store changed ────── useStored ─┘
//   a server's addresses changed ─ useAddresses ─ resolve what is in force ─ apply
//
// 1. A refused file is read again when it is saved; refused settings of the store are retried with
//    the next file.

import { setImmediate as nextTurn } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import type { ConfigFile } from '../../config/config-file.ts';
import { makeStrandedTest, type RunningLease } from '../../config/difference.ts';
import { findCertificateProblems, findHostOverlaps } from '../../config/host-check.ts';
import { RESTART_KEYS } from '../../config/keys.ts';
import { loadWithFallback } from '../../config/load.ts';
import type { AddressesOf } from '../../config/option-list.ts';
import type { ConfigProblem, RackConfig } from '../../config/rack-config.ts';
import { type ParsedConfig, resolveFile, type UsableConfig } from '../../config/resolve-file.ts';
import { REPORTED_CHANGES_MAX, RunningConfig, type RunningConfigDeps } from '../../config/running-config.ts';
import { formatIpv4, formatNetwork } from '../../ground/address.ts';
import { joinNames } from '../../ground/counted.ts';
import { INTERFACES_KEY, NO_SETTINGS, type Settings, settingsWithoutCredentials } from '../../machines/settings.ts';
import type { HostInterface } from '../../net/host-interface.ts';
import { NAMED_MAX } from './status-line.ts';

// Explains why a rack with a remote region serves no network: its own region kept the networks
// before, and the region that accepted the rack has none for it. Pure.

/** The networks that a change of the store removed. */
interface LostNetworks {
  readonly sinceWallMs: number;
  readonly networks: string;
  /** The command that restores the first of them in the region. */
  readonly command: string;
}

/**
 * Finds the networks lost when `after` replaced `before`; `undefined` if a network is still served,
 * or none was served before.
 */
function findLostNetworks(
  before: { readonly config: RackConfig; readonly merged: Settings },
  after: RackConfig,
  sinceWallMs: number,
): LostNetworks | undefined {
  const formerInterfaces = before.config.clusterInterfaces;
  if (after.uplink.mode !== 'remote' || after.clusterInterfaces.length > 0 || formerInterfaces.length === 0)
    return undefined;
  const networks = formerInterfaces.map(({ name, network }) => `${name} ${formatNetwork(network)}`);
  const written = before.merged[INTERFACES_KEY];
  const firstValue: unknown = Array.isArray(written) ? written[0] : undefined;
  const { name = 'NAME', ...entry }: { readonly name?: unknown } = Object(firstValue);
  return {
    sinceWallMs,
    networks: joinNames(networks, NAMED_MAX),
    command: composeSetCommand(String(name), JSON.stringify(entry), after.name),
  };
}

const composeSetCommand = (name: string, value: string, rack: string): string =>
  `rackboot config set ${INTERFACES_KEY}.${name} '${value.replaceAll("'", "'\\''")}' --rack ${rack}`;

/**
 * A sentence with the fault and its remedy; `undefined` if there is none.
 * @param file the rack's configuration file
 */
function describeUnserved(
  { clusterInterfaces, uplink, name }: Pick<RackConfig, 'clusterInterfaces' | 'uplink' | 'name'>,
  file: string,
  lostNetworks: LostNetworks | undefined,
): string | undefined {
  if (clusterInterfaces.length > 0 || uplink.mode !== 'remote') return undefined;
  const composeRemedy = (command: string): string =>
    `add ${INTERFACES_KEY} to ${file}, or run on the region: ${command}`;
  if (lostNetworks === undefined)
    return `serves no network: neither ${file} nor its region names one; ${composeRemedy(composeSetCommand('NAME', '{ … }', name))}`;
  const { networks, command, sinceWallMs } = lostNetworks;
  const sinceText = new Date(sinceWallMs).toISOString().replace(/\.\d+Z$/, 'Z');
  return `has served no network since it was accepted (${sinceText}): the region has no settings for ${networks}; ${composeRemedy(command)}`;
}

/** Leases examined in one turn: with a million leases a change takes seconds, but delays no datagram. */
const TURN_LEASES = 1024;

export interface ConfigurationDeps extends RunningConfigDeps<UsableConfig> {
  readonly host: () => readonly HostInterface[];
  /** Iterated over many turns of the event loop. */
  readonly leases: () => Iterable<RunningLease>;
  readonly onConfigApplied: (config: RackConfig) => void;
  readonly refused: () => void;
}

export class Configuration extends RunningConfig<RackConfig, UsableConfig['written'], ConfigurationDeps> {
  /** Why the store's settings could not be used at startup. */
  #startProblems: string | undefined;
  #lostNetworks: LostNetworks | undefined;
  #addressesOf: AddressesOf = () => [];

  /**
   * Reads the file and merges it with the cached settings of the store; if they conflict, the file
   * alone is used.
   * @param readStored reads the store's settings cached in this state directory
   * @throws RackError `config-unreadable`, `config-invalid`
   */
  constructor(path: string, readStored: (stateDir: string) => Settings | undefined) {
    const { usable, storedSettings, refused } = loadWithFallback(path, readStored);
    super(path, ['rack', RESTART_KEYS], [usable, storedSettings]);
    this.#startProblems = refused;
  }

  /** Why the store's settings are not in force; `undefined` if they are. */
  get settingsRefused(): string | undefined {
    if (isDeepStrictEqual(this.storedSettings, this.current.stored)) return undefined;
    return this.refusal?.problems ?? this.#startProblems;
  }

  /**
   * Says that a rack with a remote region serves no network, and the remedy; `undefined` if it
   * serves one or its region is embedded.
   */
  get unserved(): string | undefined {
    return describeUnserved(this.config, this.path, this.#lostNetworks);
  }

  /** Reports once what could not be used at startup. */
  announce(deps: ConfigurationDeps): void {
    if (this.#startProblems === undefined) return;
    this.refuse(deps, 'store', this.#startProblems);
    this.#startProblems = undefined;
  }

  useStored(deps: ConfigurationDeps, settings: Settings = NO_SETTINGS): void {
    this.applySettings(deps, settingsWithoutCredentials(settings));
  }

  /**
   * Puts the configuration in force again, with other addresses of the servers that it names.
   * @throws as `apply`
   */
  useAddresses({ apply }: Pick<ConfigurationDeps, 'apply'>, addressesOf: AddressesOf): Promise<void> {
    return this.enqueue(async () => {
      this.#addressesOf = addressesOf;
      const usableBefore = this.current;
      const parsed = this.resolve(usableBefore.file, usableBefore.stored);
      if (!parsed.ok) return;
      await apply(parsed, usableBefore);
      this.current = parsed;
    });
  }

  protected resolve(file: ConfigFile, storedSettings: Settings): ParsedConfig {
    return resolveFile(file, storedSettings, this.#addressesOf);
  }

  protected check(
    nextUsable: UsableConfig,
    source: 'file' | 'store',
    { host }: ConfigurationDeps,
  ): readonly ConfigProblem[] {
    if (isEmpty(nextUsable.file) && !isEmpty(this.current.file)) return [EMPTIED_PROBLEM];
    return [
      ...findHostOverlaps(nextUsable, host()),
      ...(source === 'file' ? findCertificateProblems(nextUsable.config) : []),
    ];
  }

  protected async onApplied(
    previousUsable: UsableConfig,
    source: 'file' | 'store',
    deps: ConfigurationDeps,
  ): Promise<void> {
    const { clock, publish, leases, onConfigApplied } = deps;
    const { config } = this;
    onConfigApplied(config);
    const lostNetworks = source === 'store' ? findLostNetworks(previousUsable, config, clock.wallTimeMs()) : undefined;
    if (lostNetworks !== undefined) {
      this.#lostNetworks = lostNetworks;
      publish({
        kind: 'config.networks-lost',
        at: clock.now(),
        networks: lostNetworks.networks,
        command: lostNetworks.command,
      });
    }
    const { count, addresses } = await findStranded(leases(), makeStrandedTest(previousUsable.config, config));
    if (count > 0) publish({ kind: 'config.stranded', at: clock.now(), leases: count, addresses: addresses.join(' ') });
  }

  protected override refuse(deps: ConfigurationDeps, source: 'file' | 'store', problems: string): void {
    super.refuse(deps, source, problems);
    deps.refused();
  }
}

/** Counts the leases that a change strands, and lists the first addresses. */
async function findStranded(leases: Iterable<RunningLease>, isStranded: (lease: RunningLease) => boolean) {
  const addresses: string[] = [];
  let [count, examinedCount] = [0, 0];
  for (const lease of leases) {
    if (isStranded(lease)) {
      count += 1;
      if (addresses.length < REPORTED_CHANGES_MAX) addresses.push(formatIpv4(lease.address));
    }
    examinedCount += 1;
    if (examinedCount % TURN_LEASES === 0) await nextTurn();
  }
  return { count, addresses };
}

/** A rack may start with an empty file. A file that becomes empty while the rack serves is a mistake. */
const EMPTIED_PROBLEM: ConfigProblem = {
  path: '',
  line: undefined,
  message: 'is empty: it was truncated, or its disk is full; restore it, or stop the rack',
};
const isEmpty = ({ values }: ConfigFile): boolean => Object.keys(values).length === 0;
