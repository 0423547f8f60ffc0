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

interface Reserved {
  /** The cluster interface. */
  readonly network: string;
  readonly host: Settings;
}

const reservedIn = ({ file, stored }: FoundConfig): readonly Reserved[] =>
  listInterfaces(mergeSettings(file.values, stored).merged).flatMap((network) =>
    (isSettings(network) ? (parseListEntries(network.hosts) ?? []) : []).flatMap((host) =>
      isSettings(host) ? [{ network: interfaceName(network), host }] : [],
    ),
  );

const CLIENT_FIELDS = ['mac', 'client_id', 'duid', 'circuit_id', 'remote_id'] as const;

/** Prints the hosts, ordered by address. */
export async function listHosts(where: Where): Promise<number> {
  const numberOf = ({ host }: Reserved): number => parseIpv4(String(host.ip)) ?? 0;
  const all = reservedIn(await findConfig(where.config)).toSorted((host, other) => numberOf(host) - numberOf(other));
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
  const who = clientIn(client);
  const rival = reservedIn(current).find(
    ({ network, host }) => formatHostsKey(network) === key && (String(host.ip) === ip || isOneClient(who, host)),
  )?.host;
  if (rival !== undefined)
    throw new RackError(
      'bad-argument',
      `${String(rival.ip)} is kept for ${formatClient(rival)} already; to end that: rackboot hosts remove ${String(rival.ip)}`,
    );
  const fqdn = findFqdn(current, { ip, hostname });
  const owner = fqdn === undefined ? undefined : (await nameOwners(current, [{ ip, hostname }]))(fqdn, { ...who, ip });
  if (owner !== undefined) throw new RackError('bad-argument', `${fqdn} is the name of ${owner}: give another name`);
  const effect = `${formatClient(who)} gets ${ip}${fqdn === undefined ? '' : `, ${fqdn}`}.`;
  return await editConfig(
    { config },
    'add',
    key,
    [{ ...who, ip, ...(hostname === undefined ? {} : { hostname }) }],
    effect,
  );
}

interface NamedHost {
  readonly ip: string;
  readonly hostname?: string | undefined;
}

const namedMachines = z.array(machineShape.pick({ fqdn: true, interface_set: true }));

/** The name of a host in DNS; undefined: it has none, or its network is not named here. */
function findFqdn(current: FoundConfig, { ip, hostname }: NamedHost): string | undefined {
  const address = parseIpv4(ip);
  if (hostname === undefined || address === undefined || !isNamedHere(address, current.config)) return undefined;
  const { dhcp, region } = current.config;
  const domain = dhcp.subnets.find(({ name }) => name === networkAt(current, ip))?.domain ?? region.domain;
  return `${hostname}.${domain}`.toLowerCase();
}

/** Finds who else has the name of a new reservation. Machines are known while the daemon runs. */
async function nameOwners(
  current: FoundConfig,
  wanted: readonly NamedHost[],
): Promise<(fqdn: string, host: Settings) => string | undefined> {
  const { config, uuid } = current;
  const named = wanted.flatMap((host) => {
    const [fqdn, address] = [findFqdn(current, host), parseIpv4(host.ip)];
    return fqdn === undefined || address === undefined ? [] : [{ fqdn, address }];
  });
  const owners = findNameOwners(config, named);
  const reserved = new Map(
    reservedIn(current).map(({ host: { ip, hostname } }) => {
      const text = hostname === undefined ? undefined : String(hostname);
      return [findFqdn(current, { ip: String(ip), hostname: text }), String(ip)];
    }),
  );
  const isApart = uuid === undefined || config.uplink.mode === 'remote';
  const machines = isApart ? [] : namedMachines.parse(await askDaemon(config.stateDir, MACHINES_PATH));
  const macsByName = new Map(
    machines.map(({ fqdn, interface_set }) => [fqdn, interface_set.map(({ mac_address: mac }) => mac)]),
  );
  return (fqdn, { ip, mac }) => {
    const [other, macs] = [reserved.get(fqdn), macsByName.get(fqdn)];
    if (other !== undefined && other !== ip) return other;
    const own = parseMac(String(mac));
    if (macs !== undefined && (own === undefined || !macs.includes(formatMac(own)))) return `the machine ${fqdn}`;
    return owners.get(fqdn);
  };
}

/** True if `entry` has an identifier of the client, however it is written. */
const isOneClient = (client: Settings, entry: Settings): boolean =>
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
 * A text alone is refused: it is more often the name of the host than the identifier that the
 * client sends.
 */
function clientIn(client: string): Settings {
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
  const matches = reservedIn(await findConfig(config)).filter(({ host }) => isNamedBy(host, name));
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
 * Imports reservations from another DHCP server's configuration. @returns 1 if one could not be
 * taken whole
 */
export async function importHosts({ files, format, dryRun, ...where }: ImportFlags): Promise<number> {
  const left: string[] = [];
  const without: string[] = [];
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
    const textOf = ({ line, text: written, reason }: (typeof read.left)[number]): string =>
      cleanText(`${file}:${line}: ${written}: ${reason}`);
    left.push(...read.left.map(textOf));
    without.push(...read.without.map(textOf));
    for (const further of read.includes.filter(
      (include) => !files.some((named) => basename(named) === basename(include)),
    ))
      left.push(cleanText(`${file} includes ${further}: name it, too`));
  }
  const outcome = await takeReservations(where.config, reservations, dryRun);
  left.push(...outcome.left);
  without.push(...outcome.without);
  const { length: count } = outcome.taken;
  const done = dryRun ? 'would be' : count === 1 ? 'was' : 'were';
  const lines = [
    ...outcome.taken.map((host) => `Taken      ${hostText(host)}`),
    ...without.map((line) => `Without    ${line}`),
    ...left.map((line) => `Not taken  ${line}`),
    `${counted(count, 'reservation')} ${done} taken over.`,
  ];
  printAnswer(where, { dryRun, taken: count, hosts: outcome.taken, without, left }, lines.join('\n'));
  return left.length + without.length === 0 ? 0 : 1;
}

const hostText = (host: Settings): string =>
  [String(host.ip), formatClient(host), ...(host.hostname === undefined ? [] : [String(host.hostname)])].join('  ');

interface TakeoverOutcome {
  readonly taken: readonly Settings[];
  readonly without: readonly string[];
  readonly left: readonly string[];
}

/** An entry that fits as far as is known, and its place in the list of its network. */
interface Candidate {
  readonly network: string;
  readonly host: Settings;
}

/**
 * Adds reservations to those of their networks: each that fits, judged as all changes of the
 * settings are. @param dryRun true: only judged
 */
export async function takeReservations(
  config: string,
  reservations: readonly ForeignReservation[],
  dryRun: boolean,
): Promise<TakeoverOutcome> {
  const current = await findConfig(config);
  const [left, without]: [string[], string[]] = [[], []];
  const present = reservedIn(current);
  const findOwner = await nameOwners(current, reservations);
  const names = new Set<string>();
  let candidates: Candidate[] = [];
  for (const reservation of reservations) {
    const network = networkAt(current, reservation.ip);
    const { hostname: _name, ...client } = reservation;
    const fqdn = findFqdn(current, reservation);
    const owner =
      fqdn === undefined ? undefined : names.has(fqdn) ? 'another reservation' : findOwner(fqdn, { ...reservation });
    const host: Settings = owner === undefined ? { ...reservation } : { ...client };
    const clash = [...present, ...candidates].find(
      (entry) => entry.host.ip === reservation.ip || (entry.network === network && isOneClient(host, entry.host)),
    );
    if (network === undefined) left.push(`${hostText(host)}: in none of the networks`);
    else if (clash !== undefined) {
      if (!isNamedBy(clash.host, host))
        left.push(`${hostText({ ...reservation })}: reserved differently: ${hostText(clash.host)}`);
    } else {
      candidates.push({ network, host });
      if (owner !== undefined) without.push(`${hostText(host)}: the name ${fqdn}, which ${owner} has`);
      else if (fqdn !== undefined) names.add(fqdn);
    }
  }
  const flags = { config };
  const submit = async (list: readonly Candidate[], isTrial: boolean): Promise<void> => {
    const edits = [...Map.groupBy(list, ({ network }) => network)].map(([network, entries]) => ({
      key: formatHostsKey(network),
      value: undefined,
      entries: { kind: 'add', entries: entries.map(({ host }) => host) } as const,
    }));
    refuseElsewhere(current, flags, 'add', edits);
    const answer = await submitEdits(current, flags, edits, isTrial);
    if (answer !== undefined && !isTrial) await awaitApplied(config, current, answer);
  };
  const before = Map.groupBy(present, ({ network }) => network);
  while (candidates.length > 0) {
    try {
      await submit(candidates, true);
      break;
    } catch (error) {
      if (!(error instanceof RackError) || error.code !== 'bad-argument') throw error;
      const faults = candidates.map((candidate) =>
        findFault(candidate, candidates, before.get(candidate.network)?.length ?? 0, error.message),
      );
      // A refusal that names no entry concerns them all.
      const isNamed = faults.some((fault) => fault !== undefined);
      candidates.forEach(({ host }, index) => {
        const fault = isNamed ? faults[index] : error.message;
        if (fault !== undefined) left.push(`${hostText(host)}: ${fault}`);
      });
      candidates = isNamed ? candidates.filter((_one, index) => faults[index] === undefined) : [];
    }
  }
  if (!dryRun && candidates.length > 0) await submit(candidates, false);
  return { taken: candidates.map(({ host }) => host), without, left };
}

/** What a refusal says of an entry, by its place in the list that it would have. */
function findFault(
  candidate: Candidate,
  all: readonly Candidate[],
  before: number,
  refused: string,
): string | undefined {
  const index = before + all.filter(({ network }) => network === candidate.network).indexOf(candidate);
  const place = `${INTERFACES_KEY}.${candidate.network}.hosts[${index}]`;
  const faults = refused.split('\n').flatMap((line) => {
    const rest = line.startsWith(place) ? /^(?:\.\w+)*: (.+)$/s.exec(line.slice(place.length))?.[1] : undefined;
    return rest === undefined ? [] : [rest];
  });
  return faults.length === 0 ? undefined : faults.join('; ');
}
