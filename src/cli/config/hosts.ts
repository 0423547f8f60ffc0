// `rackboot hosts`: the reservations of the networks, entries of `hosts` of their cluster
// interfaces. The address says which network a reservation belongs to.

import { basename } from 'node:path';
import { z } from 'zod';
import { mergeSettings } from '../../config/merge.ts';
import { findNameOwners, isNamedHere } from '../../config/record-faults.ts';
import { askDaemon, MACHINES_PATH } from '../../control/ask-daemon.ts';
import {
  detectReservations,
  type ForeignReservation,
  RESERVATION_FORMATS,
  type ReservationFormat,
  readReservations,
} from '../../dhcp/import/reservations.ts';
import { formatMac, formatNetwork, networkContains, parseIpv4, parseMac } from '../../ground/address.ts';
import { cleanText, shellWord } from '../../ground/clean-text.ts';
import { counted } from '../../ground/counted.ts';
import { RackError } from '../../ground/errors.ts';
import { INTERFACES_KEY, interfaceName, isSettings, listInterfaces, type Settings } from '../../machines/settings.ts';
import { isNamedBy, parseListEntries } from '../../region/list-entries.ts';
import { printAnswer, type Where } from '../terminal/asking.ts';
import { type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { tableText } from '../terminal/output.ts';
import { machineShape } from '../terminal/shapes.ts';
import { awaitApplied, editConfig, refuseElsewhere, submitEdits } from './store.ts';

interface NetworkReservation {
  /** The cluster interface. */
  readonly network: string;
  readonly host: Settings;
}

const listReservations = ({ file, stored }: FoundConfig): readonly NetworkReservation[] =>
  listInterfaces(mergeSettings(file.values, stored).merged).flatMap((network) =>
    (isSettings(network) ? (parseListEntries(network.hosts) ?? []) : []).flatMap((host) =>
      isSettings(host) ? [{ network: interfaceName(network), host }] : [],
    ),
  );

const CLIENT_FIELDS = ['mac', 'client_id', 'duid', 'circuit_id', 'remote_id'] as const;

/** Prints the hosts, ordered by address. */
export async function listHosts(where: Where): Promise<number> {
  const addressNumber = ({ host }: NetworkReservation): number => parseIpv4(String(host.ip)) ?? 0;
  const all = listReservations(await findConfig(where.config)).toSorted(
    (host, other) => addressNumber(host) - addressNumber(other),
  );
  const rows = all.map(({ network, host }) => [
    String(host.ip),
    formatClient(host),
    String(host.hostname ?? ''),
    network,
  ]);
  const table = tableText(['ADDRESS', 'CLIENT', 'HOST NAME', 'NETWORK'], rows, 'No address is reserved.');
  return printAnswer(
    where,
    all.map(({ network, host }) => ({ network, ...host })),
    table,
  );
}

/**
 * @param client a hardware address, a client identifier of bytes, or `FIELD=VALUE` with a field of
 * `hosts`
 */
export async function reserveHost({
  config,
  client,
  ip,
  hostname,
}: Where & { readonly client: string; readonly ip: string; readonly hostname: string | undefined }): Promise<number> {
  const current = await findConfig(config);
  const key = hostsKey(current, ip);
  const identifier = parseClient(client);
  const conflictingHost = listReservations(current).find(
    ({ network, host }) =>
      formatHostsKey(network) === key && (String(host.ip) === ip || isSameClient(identifier, host)),
  )?.host;
  if (conflictingHost !== undefined)
    throw new RackError(
      'bad-argument',
      `${String(conflictingHost.ip)} is kept for ${formatClient(conflictingHost)} already; to end that: rackboot hosts remove ${String(conflictingHost.ip)}`,
    );
  const fqdn = findFqdn(current, { ip, hostname });
  const owner =
    fqdn === undefined ? undefined : (await nameOwners(current, [{ ip, hostname }]))(fqdn, { ...identifier, ip });
  if (owner !== undefined) throw new RackError('bad-argument', `${fqdn} is the name of ${owner}: give another name`);
  const effect = `${formatClient(identifier)} gets ${ip}${fqdn === undefined ? '' : `, ${fqdn}`}.`;
  return await editConfig(
    { config },
    'add',
    key,
    [{ ...identifier, ip, ...(hostname === undefined ? {} : { hostname }) }],
    effect,
  );
}

interface NamedHost {
  readonly ip: string;
  readonly hostname?: string | undefined;
}

const namedMachines = z.array(machineShape.pick({ fqdn: true, interface_set: true }));

/**
 * The name of a host in DNS; undefined if it has none, or if this rack does not name hosts of its
 * network.
 */
function findFqdn(current: FoundConfig, { ip, hostname }: NamedHost): string | undefined {
  const address = parseIpv4(ip);
  if (hostname === undefined || address === undefined || !isNamedHere(address, current.config)) return undefined;
  const { dhcp, region } = current.config;
  const domain = dhcp.subnets.find(({ name }) => name === networkAt(current, ip))?.domain ?? region.domain;
  return `${hostname}.${domain}`.toLowerCase();
}

/**
 * Creates a function that finds who else has the name of a new reservation. Machines are known only
 * while the daemon runs.
 */
async function nameOwners(
  current: FoundConfig,
  hosts: readonly NamedHost[],
): Promise<(fqdn: string, host: Settings) => string | undefined> {
  const { config, uuid } = current;
  const namedAddresses = hosts.flatMap((host) => {
    const [fqdn, address] = [findFqdn(current, host), parseIpv4(host.ip)];
    return fqdn === undefined || address === undefined ? [] : [{ fqdn, address }];
  });
  const owners = findNameOwners(config, namedAddresses);
  const reserved = new Map(
    listReservations(current).map(({ host: { ip, hostname } }) => {
      const text = hostname === undefined ? undefined : String(hostname);
      return [findFqdn(current, { ip: String(ip), hostname: text }), String(ip)];
    }),
  );
  const hasNoRegion = uuid === undefined || config.uplink.mode === 'remote';
  const machines = hasNoRegion ? [] : namedMachines.parse(await askDaemon(config.stateDir, MACHINES_PATH));
  const macsByName = new Map(
    machines.map(({ fqdn, interface_set }) => [fqdn, interface_set.map(({ mac_address: mac }) => mac)]),
  );
  return (fqdn, { ip, mac }) => {
    const [otherAddress, macs] = [reserved.get(fqdn), macsByName.get(fqdn)];
    if (otherAddress !== undefined && otherAddress !== ip) return otherAddress;
    const ownMac = parseMac(String(mac));
    if (macs !== undefined && (ownMac === undefined || !macs.includes(formatMac(ownMac)))) return `the machine ${fqdn}`;
    return owners.get(fqdn);
  };
}

/** True if `entry` has an identifier of the client, however it is written. */
const isSameClient = (client: Settings, entry: Settings): boolean =>
  CLIENT_FIELDS.some((field) => {
    const value = client[field];
    return value !== undefined && isNamedBy(entry, { [field]: value });
  });

const formatHostsKey = (network: string): string => `${INTERFACES_KEY}.${network}.hosts`;

const formatClient = (host: Settings): string =>
  CLIENT_FIELDS.flatMap((field) => {
    const value = host[field];
    return value === undefined ? [] : [field === 'mac' ? String(value) : `${field} ${String(value)}`];
  }).join(', ');

/**
 * Parses the identifier of a client. A plain text is refused, because it is more often the name of
 * the host than the identifier that the client sends.
 */
function parseClient(client: string): Settings {
  const [, field = '', value = ''] = /^(\w+)=(.+)$/s.exec(client) ?? [];
  if (CLIENT_FIELDS.some((clientField) => clientField === field)) return { [field]: value };
  if (parseMac(client) !== undefined) return { mac: client };
  if (/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){2,4}$/i.test(client))
    throw new RackError('bad-argument', `${client} has fewer than the six octets of a hardware address`);
  if (/^[0-9a-f]{2}(?::[0-9a-f]{2}){6,}$/i.test(client)) return { client_id: client };
  throw new RackError(
    'bad-argument',
    `${client} is no hardware address: give one, such as 52:54:00:12:34:57; for a client that sends ${client} as its identifier ` +
      `(option 61): ${shellWord(`client_id=${client}`)}`,
  );
}

/** Removes the host of an address, a client or a host name. */
export async function removeHost({ config, host: name }: Where & { readonly host: string }): Promise<number> {
  const matches = listReservations(await findConfig(config)).filter(({ host }) => isNamedBy(host, name));
  const [first] = matches;
  if (first === undefined)
    throw new RackError(
      'not-found',
      `${name}: no reservation has this address, client or host name: rackboot hosts list`,
    );
  if (matches.length > 1) {
    const list = matches.map(({ network, host }) => `  ${network}: ${JSON.stringify(host)}`).join('\n');
    throw new RackError(
      'bad-argument',
      `${name}: several reservations have this name; give the address of one:\n${list}`,
    );
  }
  const effect = `${String(first.host.ip)} is no longer kept for ${formatClient(first.host)}.`;
  return await editConfig({ config }, 'remove', formatHostsKey(first.network), [first.host], effect);
}

/** The key of `hosts` in the network of an address. */
function hostsKey(current: FoundConfig, ip: string): string {
  const name = networkAt(current, ip);
  if (name !== undefined) return formatHostsKey(name);
  const networks = current.config.clusterInterfaces
    .map((network) => `${network.name} ${formatNetwork(network.network)}`)
    .join(', ');
  const why = parseIpv4(ip) === undefined ? 'is not an IPv4 address' : 'is in none of the networks';
  throw new RackError('bad-argument', `${ip} ${why}: ${networks || 'there is none'}`);
}

function networkAt({ config }: FoundConfig, ip: string): string | undefined {
  const address = parseIpv4(ip);
  return address === undefined
    ? undefined
    : config.clusterInterfaces.find(({ network }) => networkContains(network, address))?.name;
}

interface ImportFlags extends Where {
  readonly files: readonly string[];
  readonly format: ReservationFormat | undefined;
  readonly dryRun: boolean;
}

/**
 * Imports reservations from another DHCP server's configuration. @returns 1 if a reservation was
 * skipped, or taken over without a part
 */
export async function importHosts({ files, format, dryRun, ...where }: ImportFlags): Promise<number> {
  const skipped: string[] = [];
  const incomplete: string[] = [];
  const reservations: ForeignReservation[] = [];
  for (const file of files) {
    const text = readGivenFile(file).toString('latin1');
    const detected = format ?? detectReservations(text);
    if (detected === undefined)
      throw new RackError(
        'bad-argument',
        `${file} is no known configuration of a DHCP server: add --format ${RESERVATION_FORMATS.join(', ')}`,
      );
    const read = readReservations(detected, text);
    reservations.push(...read.reservations);
    const formatLine = ({ line, text: written, reason }: (typeof read.left)[number]): string =>
      cleanText(`${file}:${line}: ${written}: ${reason}`);
    skipped.push(...read.left.map(formatLine));
    incomplete.push(...read.without.map(formatLine));
    for (const unreadInclude of read.includes.filter(
      (include) => !files.some((named) => basename(named) === basename(include)),
    ))
      skipped.push(cleanText(`${file} includes ${unreadInclude}: name it, too`));
  }
  const outcome = await takeReservations(where.config, reservations, dryRun);
  skipped.push(...outcome.skipped);
  incomplete.push(...outcome.incomplete);
  const { length: count } = outcome.taken;
  const verb = dryRun ? 'would be' : count === 1 ? 'was' : 'were';
  const lines = [
    ...outcome.taken.map((host) => `Taken      ${hostText(host)}`),
    ...incomplete.map((line) => `Without    ${line}`),
    ...skipped.map((line) => `Not taken  ${line}`),
    `${counted(count, 'reservation')} ${verb} taken over.`,
  ];
  printAnswer(
    where,
    { dryRun, taken: count, hosts: outcome.taken, without: incomplete, left: skipped },
    lines.join('\n'),
  );
  return skipped.length + incomplete.length === 0 ? 0 : 1;
}

const hostText = (host: Settings): string =>
  [String(host.ip), formatClient(host), ...(host.hostname === undefined ? [] : [String(host.hostname)])].join('  ');

interface TakeoverOutcome {
  readonly taken: readonly Settings[];
  readonly incomplete: readonly string[];
  readonly skipped: readonly string[];
}

/** A reservation without a known conflict, and its network. */
interface TakeoverCandidate {
  readonly network: string;
  readonly host: Settings;
}

/**
 * Adds each reservation that fits to its network. The settings' own rules judge the change. @param
 * dryRun true to judge without adding
 */
export async function takeReservations(
  config: string,
  reservations: readonly ForeignReservation[],
  dryRun: boolean,
): Promise<TakeoverOutcome> {
  const current = await findConfig(config);
  const [skipped, incomplete]: [string[], string[]] = [[], []];
  const presentReservations = listReservations(current);
  const findOwner = await nameOwners(current, reservations);
  const names = new Set<string>();
  let candidates: TakeoverCandidate[] = [];
  for (const reservation of reservations) {
    const network = networkAt(current, reservation.ip);
    const { hostname: _name, ...client } = reservation;
    const fqdn = findFqdn(current, reservation);
    const owner =
      fqdn === undefined ? undefined : names.has(fqdn) ? 'another reservation' : findOwner(fqdn, { ...reservation });
    const host: Settings = owner === undefined ? { ...reservation } : { ...client };
    const conflict = [...presentReservations, ...candidates].find(
      (entry) => entry.host.ip === reservation.ip || (entry.network === network && isSameClient(host, entry.host)),
    );
    if (network === undefined) skipped.push(`${hostText(host)}: in none of the networks`);
    else if (conflict !== undefined) {
      if (!isNamedBy(conflict.host, host))
        skipped.push(`${hostText({ ...reservation })}: reserved differently: ${hostText(conflict.host)}`);
    } else {
      candidates.push({ network, host });
      if (owner !== undefined) incomplete.push(`${hostText(host)}: the name ${fqdn}, which ${owner} has`);
      else if (fqdn !== undefined) names.add(fqdn);
    }
  }
  const flags = { config };
  const submitCandidates = async (list: readonly TakeoverCandidate[], isDryRun: boolean): Promise<void> => {
    const edits = [...Map.groupBy(list, ({ network }) => network)].map(([network, entries]) => ({
      key: formatHostsKey(network),
      value: undefined,
      entries: { kind: 'add', entries: entries.map(({ host }) => host) } as const,
    }));
    refuseElsewhere(current, flags, 'add', edits);
    const answer = await submitEdits(current, flags, edits, isDryRun);
    if (answer !== undefined && !isDryRun) await awaitApplied(config, current, answer);
  };
  const presentByNetwork = Map.groupBy(presentReservations, ({ network }) => network);
  while (candidates.length > 0) {
    try {
      await submitCandidates(candidates, true);
      break;
    } catch (error) {
      if (!(error instanceof RackError) || error.code !== 'bad-argument') throw error;
      const faults = candidates.map((candidate) =>
        findFault(candidate, candidates, presentByNetwork.get(candidate.network)?.length ?? 0, error.message),
      );
      // A refusal that names no entry concerns all of them.
      const namesEntries = faults.some((fault) => fault !== undefined);
      candidates.forEach(({ host }, index) => {
        const fault = namesEntries ? faults[index] : error.message;
        if (fault !== undefined) skipped.push(`${hostText(host)}: ${fault}`);
      });
      candidates = namesEntries ? candidates.filter((_one, index) => faults[index] === undefined) : [];
    }
  }
  if (!dryRun && candidates.length > 0) await submitCandidates(candidates, false);
  return { taken: candidates.map(({ host }) => host), incomplete, skipped };
}

/** Finds what a refusal says of an entry, by the index that the entry would have in its list. */
function findFault(
  candidate: TakeoverCandidate,
  all: readonly TakeoverCandidate[],
  presentCount: number,
  refusalText: string,
): string | undefined {
  const index = presentCount + all.filter(({ network }) => network === candidate.network).indexOf(candidate);
  const entryPath = `${INTERFACES_KEY}.${candidate.network}.hosts[${index}]`;
  const faults = refusalText.split('\n').flatMap((line) => {
    const faultText = line.startsWith(entryPath)
      ? /^(?:\.\w+)*: (.+)$/s.exec(line.slice(entryPath.length))?.[1]
      : undefined;
    return faultText === undefined ? [] : [faultText];
  });
  return faults.length === 0 ? undefined : faults.join('; ');
}
