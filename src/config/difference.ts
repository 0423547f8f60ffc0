// The difference between two configurations, key by key as written, and the effects on clients. Pure.
//
// 1. Values are compared as used, so `10m` and `600` are equal; they are shown as written.
// 2. Secrets are never shown, and long values are cut.
// 3. Keys that wait for the next start keep their running values until then.

import { hash } from 'node:crypto';
import { isDeepStrictEqual } from 'node:util';
import { PROXY_PORT } from '../dhcp/networks/config.ts';
import { formatIpv4, formatMac, type Ipv4, rangeContains } from '../ground/address.ts';
import { withoutUsers } from '../ground/clean-text.ts';
import { counted } from '../ground/counted.ts';
import { findNestedValue, isFields } from '../ground/fields.ts';
import {
  INTERFACES_KEY,
  interfaceName,
  isSettings,
  listInterfaces,
  type Settings,
  type SettingValue,
  valueAt,
} from '../machines/settings.ts';
import { findKeyRule, isSecretKey } from './keys.ts';
import { listLeafKeys } from './merge.ts';
import type { RackConfig } from './rack-config.ts';
import type { UsableConfig } from './resolve-file.ts';
import type { WrittenConfig } from './written.ts';

const SHOWN_MAX = 160;
const DIGEST_LENGTH = 8;
/** The most entries of a list that are shown one by one; of a longer list only the number is shown. */
const SHOWN_ENTRIES_MAX = 8;

interface ComparedConfig extends Pick<UsableConfig, 'merged'> {
  /** A rack's or a region's; only a rack has cluster interfaces. */
  readonly written: Readonly<Record<string, unknown>> & Partial<Pick<WrittenConfig, 'cluster_interfaces'>>;
}

interface KeyChange {
  /**
   * `dns.upstream`; for a field of a cluster interface with the interface's name:
   * `cluster_interfaces.lab.router_ip`.
   */
  readonly key: string;
  readonly before: string;
  readonly after: string;
  readonly restart?: string | undefined;
}

/** The keys in which two configurations differ, in the order of the schema. */
export function compareConfigs(before: ComparedConfig, after: ComparedConfig): readonly KeyChange[] {
  const beforeLeaves = flatten(before);
  const afterLeaves = flatten(after);
  const changes: KeyChange[] = [];
  const [namesBefore, namesAfter] = [listInterfaceNames(before), listInterfaceNames(after)];
  for (const key of new Set([...beforeLeaves.keys(), ...afterLeaves.keys()])) {
    // An added or removed network is one change, not one for each of its fields.
    if (concernsInterfaces(key, namesBefore) !== concernsInterfaces(key, namesAfter)) continue;
    const [leafBefore, leafAfter] = [beforeLeaves.get(key), afterLeaves.get(key)];
    if (leafBefore?.usedJson === leafAfter?.usedJson) continue;
    const restart = findKeyRule(key)?.restart;
    const change = { key, before: leafBefore?.shownValue ?? '(none)', after: leafAfter?.shownValue ?? '(none)' };
    changes.push(restart === undefined ? change : { ...change, restart });
  }
  for (const name of new Set([...namesBefore, ...namesAfter])) {
    const [shownBefore, shownAfter] = [showInterface(before, name), showInterface(after, name)];
    if (namesBefore.has(name) !== namesAfter.has(name))
      changes.push({ key: `${INTERFACES_KEY}.${name}`, before: shownBefore, after: shownAfter });
  }
  return changes;
}

const listInterfaceNames = ({ merged }: ComparedConfig): ReadonlySet<string> =>
  new Set(listInterfaces(merged).map(interfaceName));

/** True if the key is a field of one of these cluster interfaces, or not a field of any cluster interface. */
function concernsInterfaces(key: string, names: ReadonlySet<string>): boolean {
  if (!key.startsWith(`${INTERFACES_KEY}.`)) return true;
  return names.has(key.slice(INTERFACES_KEY.length + 1, key.lastIndexOf('.')));
}

function showInterface({ merged }: ComparedConfig, name: string): string {
  const entry = listInterfaces(merged).find((candidate) => interfaceName(candidate) === name);
  if (entry === undefined || !isSettings(entry)) return '(none)';
  const fields = Object.entries(entry).filter(([field]) => field !== 'name');
  return truncate(fields.map(([field, value]) => `${field} ${showValue(field, value)}`).join(', '));
}

/** `key: old → new`, with the reason if the change waits for a restart. */
export const formatChange = ({ key, before, after, restart }: KeyChange): string =>
  `${key}: ${before} → ${after}${restart === undefined ? '' : ` (at the next start: ${restart})`}`;

/** Every key of a configuration with its shown value, in the order of the schema. */
export function listValues(config: ComparedConfig): ReadonlyMap<string, string> {
  return new Map([...flatten(config)].map(([key, { shownValue }]) => [key, shownValue]));
}

/**
 * Every key of a configuration with a short digest of its value as used. A digest shows that a
 * value differs, but not the value.
 */
export function digestValues(config: ComparedConfig): ReadonlyMap<string, string> {
  return new Map(
    [...flatten(config)].map(([key, { usedJson }]) => [key, hash('sha256', usedJson).slice(0, DIGEST_LENGTH)]),
  );
}

/** A value for people, on one line. */
export function showValue(key: string, value: SettingValue): string {
  if (isSecretKey(key)) return '(secret)';
  return truncate(withoutUsers(formatValue(key, value)));
}

function formatValue(key: string, value: SettingValue): string {
  if (Array.isArray(value)) {
    if (value.length > SHOWN_ENTRIES_MAX) return counted(value.length, 'entry', 'entries');
    return `[${value.map((entry: SettingValue) => formatValue(key, entry)).join(', ')}]`;
  }
  if (isSettings(value)) {
    const fields = Object.entries(value).map(
      ([name, entry]) => `${name}: ${isSecretKey(name) ? '(secret)' : formatValue(name, entry)}`,
    );
    return `{${fields.length > SHOWN_ENTRIES_MAX ? counted(fields.length, 'entry', 'entries') : fields.join(', ')}}`;
  }
  return value === '' ? '""' : String(value);
}

const truncate = (text: string): string => (text.length > SHOWN_MAX ? `${text.slice(0, SHOWN_MAX - 1)}…` : text);

interface Leaf {
  readonly usedJson: string;
  readonly shownValue: string;
}

/** Every key that holds a value. Cluster interfaces are keyed by name; other lists and maps are values. */
function flatten({ written, merged }: ComparedConfig): ReadonlyMap<string, Leaf> {
  const leaves = new Map<string, Leaf>();
  const add = (key: string, usedValue: unknown, raw: SettingValue | undefined): void => {
    if (usedValue === undefined && raw === undefined) return;
    leaves.set(key, {
      usedJson: JSON.stringify(usedValue) ?? '',
      shownValue: raw === undefined ? showDefault(usedValue) : showValue(key, raw),
    });
  };
  for (const key of listLeafKeys(written)) {
    if (key === INTERFACES_KEY) addInterfaces(written.cluster_interfaces ?? [], merged, add);
    else add(key, findNestedValue(written, key.split('.')), valueAt(merged, key));
  }
  return leaves;
}

function addInterfaces(
  usedInterfaces: WrittenConfig['cluster_interfaces'],
  merged: Settings,
  add: (key: string, usedValue: unknown, raw: SettingValue | undefined) => void,
): void {
  const rawInterfaces = listInterfaces(merged);
  usedInterfaces.forEach((entry, index) => {
    const raw = rawInterfaces[index] ?? null;
    const prefix = `${INTERFACES_KEY}.${interfaceName(raw) || entry.name}`;
    for (const [field, value] of Object.entries(entry)) {
      if (field !== 'name') add(`${prefix}.${field}`, value, isSettings(raw) ? raw[field] : undefined);
    }
  });
}

/** A default for people: numbers, texts and empty lists. */
function showDefault(usedValue: unknown): string {
  if (typeof usedValue === 'string') return usedValue === '' ? '""' : usedValue;
  if (typeof usedValue === 'number' || typeof usedValue === 'boolean') return String(usedValue);
  if (Array.isArray(usedValue)) return usedValue.length === 0 ? '[]' : counted(usedValue.length, 'entry', 'entries');
  return isFields(usedValue) && Object.keys(usedValue).length > 0
    ? counted(Object.keys(usedValue).length, 'entry', 'entries')
    : '{}';
}

/** A lease that has not expired. */
export interface RunningLease {
  readonly address: Ipv4;
  /** In text form. */
  readonly mac: string;
}

interface ChangeEffects {
  /** `opens TFTP 10.20.0.1:1069`, `closes …`. */
  readonly listeners: readonly string[];
  /**
   * Leases whose address the new configuration would not give: their machines get another address
   * when they renew.
   */
  readonly stranded: readonly RunningLease[];
}

/** The effects of replacing `before` by `after` while these leases run. */
export function computeEffects(before: RackConfig, after: RackConfig, leases: readonly RunningLease[]): ChangeEffects {
  const [listenersBefore, listenersAfter] = [listListeners(before), listListeners(after)];
  return {
    listeners: [
      ...[...listenersAfter].filter((name) => !listenersBefore.has(name)).map((name) => `opens ${name}`),
      ...[...listenersBefore].filter((name) => !listenersAfter.has(name)).map((name) => `closes ${name}`),
    ],
    stranded: leases.filter(makeStrandedTest(before, after)),
  };
}

/** Returns a test that is true for a lease that replacing `before` by `after` strands. */
export function makeStrandedTest(before: RackConfig, after: RackConfig): (lease: RunningLease) => boolean {
  if (isDeepStrictEqual(before.dhcp.subnets, after.dhcp.subnets)) return () => false;
  const [isGivenBefore, isGivenAfter] = [makeGiverTest(before), makeGiverTest(after)];
  return (lease) => isGivenBefore(lease) && !isGivenAfter(lease);
}

/**
 * Returns a test that is true if DHCP may give a lease's address to the lease's machine under this
 * configuration.
 */
function makeGiverTest({ dhcp }: RackConfig): (lease: RunningLease) => boolean {
  const reservations = new Map(
    dhcp.subnets.flatMap(({ reservations }) =>
      reservations.map((reservation) => [reservation.address, reservation] as const),
    ),
  );
  return ({ address, mac }) => {
    const reservation = reservations.get(address);
    if (reservation !== undefined) {
      const { mac: reservedMac, clientId, duid, circuitId, remoteId } = reservation;
      // A reservation by one of these keys may be for this machine: a `RunningLease` has neither
      // identifier nor place to compare.
      const mayMatch = [clientId, duid, circuitId, remoteId].some((key) => key !== undefined);
      return mayMatch || (reservedMac !== undefined && formatMac(reservedMac) === mac);
    }
    return dhcp.subnets.some(({ dynamic }) => dynamic !== undefined && rangeContains(dynamic, address));
  };
}

function listListeners(config: RackConfig): ReadonlySet<string> {
  const { dhcp, tftp, dns, http, region, metrics } = config;
  return new Set([
    ...dhcp.subnets.flatMap(({ interfaceName, serverAddress }) =>
      interfaceName === undefined || serverAddress === undefined
        ? []
        : [`DHCP ${interfaceName} ${formatIpv4(serverAddress)}:${dhcp.serverPort}`],
    ),
    ...dhcp.subnets.flatMap(({ interfaceName, serverAddress, proxy }) =>
      proxy !== true || interfaceName === undefined || serverAddress === undefined
        ? []
        : [`DHCP boot server ${interfaceName} ${formatIpv4(serverAddress)}:${dhcp.proxyPort ?? PROXY_PORT}`],
    ),
    ...tftp.listen.map((address) => `TFTP ${formatIpv4(address)}:${tftp.listenPort}`),
    ...http.listen.map(({ address, port, secure }) => `${secure ? 'HTTPS' : 'HTTP'} ${formatIpv4(address)}:${port}`),
    ...dns.listen.map((address) => `DNS ${formatIpv4(address)}:${dns.listenPort}`),
    ...region.listen.map(({ host, port }) => `API ${host}:${port}`),
    ...(region.tls?.listen ?? []).map(({ host, port }) => `API over TLS ${host}:${port}`),
    ...metrics.listen.map(({ address, port }) => `metrics ${formatIpv4(address)}:${port}`),
  ]);
}
