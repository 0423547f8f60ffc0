// `rackboot hosts`: the reservations of the networks, entries of `hosts` of their cluster interfaces. The address says
// which network a reservation belongs to.

import { basename } from 'node:path';
import { mergeSettings } from '../../config/merge.ts';
import { counted } from '../../counted.ts';
import {
  detectReservations,
  type ForeignReservation,
  RESERVATION_FORMATS,
  type ReservationFormat,
  readReservations,
} from '../../dhcp/import/reservations.ts';
import { RackError } from '../../errors.ts';
import {
  INTERFACES_KEY,
  interfacesOf,
  isSettings,
  nameOf,
  type Settings,
  type SettingValue,
} from '../../machines/settings.ts';
import { formatNetwork, networkContains, parseIpv4, parseMac } from '../../net/address.ts';
import { entriesOf, isNamedBy } from '../../region/list-entries.ts';
import { tell, type Where } from '../terminal/asking.ts';
import { type FoundConfig, findConfig } from '../terminal/config-in-force.ts';
import { readGivenFile } from '../terminal/given-file.ts';
import { tableText } from '../terminal/output.ts';
import { awaitApplied, editConfig, refuseElsewhere, submitEdits } from './store.ts';

interface Reserved {
  /** The cluster interface. */
  readonly network: string;
  readonly host: Settings;
}

const reservedIn = ({ file, stored }: FoundConfig): readonly Reserved[] =>
  interfacesOf(mergeSettings(file.values, stored).merged).flatMap((one) =>
    (isSettings(one) ? (entriesOf(one.hosts) ?? []) : []).flatMap((host) =>
      isSettings(host) ? [{ network: nameOf(one), host }] : [],
    ),
  );

const CLIENT_FIELDS = ['mac', 'client_id', 'duid', 'circuit_id', 'remote_id'] as const;

/** By address. */
export async function listHosts(where: Where): Promise<number> {
  const numberOf = ({ host }: Reserved): number => parseIpv4(String(host.ip)) ?? 0;
  const all = reservedIn(await findConfig(where.config)).toSorted((one, other) => numberOf(one) - numberOf(other));
  const clientOf = (host: Settings): string =>
    CLIENT_FIELDS.flatMap((field) => {
      const value = host[field];
      return value === undefined ? [] : [field === 'mac' ? String(value) : `${field} ${String(value)}`];
    }).join(', ');
  const rows = all.map(({ network, host }) => [String(host.ip), clientOf(host), String(host.hostname ?? ''), network]);
  const table = tableText(['ADDRESS', 'CLIENT', 'HOST NAME', 'NETWORK'], rows, 'No address is reserved.');
  return tell(
    where,
    all.map(({ network, host }) => ({ network, ...host })),
    table,
  );
}

/** @param client a hardware address or a client identifier */
export async function reserveHost({
  config,
  client,
  ip,
  hostname,
}: Where & { readonly client: string; readonly ip: string; readonly hostname: string | undefined }): Promise<number> {
  const key = hostsKey(await findConfig(config), ip);
  if (/^[0-9a-f]{2}(?:[:-][0-9a-f]{2}){2,4}$/i.test(client))
    throw new RackError('bad-argument', `${client} has fewer than the six octets of a hardware address`);
  const who = parseMac(client) === undefined ? { client_id: client } : { mac: client };
  return await editConfig({ config }, 'add', key, [{ ...who, ip, ...(hostname === undefined ? {} : { hostname }) }]);
}

/** Of an address, a client or a host name. */
export async function removeHost({ config, host: name }: Where & { readonly host: string }): Promise<number> {
  const found = reservedIn(await findConfig(config)).filter(({ host }) => isNamedBy(host, name));
  const [first] = found;
  if (first === undefined)
    throw new RackError(
      'not-found',
      `${name}: no reservation has this address, client or host name: rackboot hosts list`,
    );
  if (found.length > 1) {
    const list = found.map(({ network, host }) => `  ${network}: ${JSON.stringify(host)}`).join('\n');
    throw new RackError(
      'bad-argument',
      `${name}: several reservations have this name; give the address of one:\n${list}`,
    );
  }
  return await editConfig({ config }, 'remove', `${INTERFACES_KEY}.${first.network}.hosts`, [first.host]);
}

/** Of the network that an address is in. */
function hostsKey(found: FoundConfig, ip: string): string {
  const name = networkAt(found, ip);
  if (name !== undefined) return `${INTERFACES_KEY}.${name}.hosts`;
  const known = found.config.clusterInterfaces.map((one) => `${one.name} ${formatNetwork(one.network)}`).join(', ');
  const why = parseIpv4(ip) === undefined ? 'is not an IPv4 address' : 'is in none of the networks';
  throw new RackError('bad-argument', `${ip} ${why}: ${known || 'there is none'}`);
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

/** From another DHCP server's configuration. @returns 1 if one could not be taken */
export async function importHosts({ files, format, dryRun, ...where }: ImportFlags): Promise<number> {
  const left: string[] = [];
  const reservations: ForeignReservation[] = [];
  for (const file of files) {
    const text = readGivenFile(file).toString('latin1');
    const found = format ?? detectReservations(text);
    if (found === undefined)
      throw new RackError(
        'bad-argument',
        `${file} is no known configuration of a DHCP server: add --format ${RESERVATION_FORMATS.join(', ')}`,
      );
    const read = readReservations(found, text);
    reservations.push(...read.reservations);
    left.push(...read.left.map(({ line, text: written }) => `${file}:${line}: ${written}`));
    for (const further of read.includes.filter((one) => !files.some((given) => basename(given) === basename(one))))
      left.push(`${file} includes ${further}: name it, too`);
  }
  const taken = await takeReservations(where.config, reservations, dryRun);
  const all = [...left, ...taken.left];
  const done = dryRun ? 'would be' : taken.count === 1 ? 'was' : 'were';
  const lines = all.map((line) => `Not taken  ${line}`);
  const text = [...lines, `${counted(taken.count, 'reservation')} ${done} taken over.`].join('\n');
  tell(where, { dryRun, taken: taken.count, left: all }, text);
  return all.length === 0 ? 0 : 1;
}

/** With those of their networks: all together or, if one does not fit, each that does. @returns how many are stored */
export async function takeReservations(
  config: string,
  reservations: readonly ForeignReservation[],
  dryRun: boolean,
): Promise<{ readonly count: number; readonly left: readonly string[] }> {
  const found = await findConfig(config);
  const left: string[] = [];
  const editOf = (key: string, entries: readonly SettingValue[]) =>
    ({ key, value: undefined, entries: { kind: 'add', entries } }) as const;
  const byKey = new Map<string, Settings[]>();
  const present = reservedIn(found);
  for (const one of reservations) {
    const name = networkAt(found, one.ip);
    const host: Settings = { ...one };
    const clash = present.find(
      (known) =>
        known.host.ip === one.ip ||
        CLIENT_FIELDS.some(
          (field) => host[field] !== undefined && isNamedBy(known.host, { [field]: host[field] ?? '' }),
        ),
    );
    if (name === undefined) left.push(`${JSON.stringify(one)}: in none of the networks`);
    else if (clash !== undefined) {
      if (!isNamedBy(clash.host, host))
        left.push(`${JSON.stringify(one)}: reserved differently: ${JSON.stringify(clash.host)}`);
    } else {
      const key = `${INTERFACES_KEY}.${name}.hosts`;
      byKey.set(key, [...(byKey.get(key) ?? []), host]);
    }
  }
  const edits = [...byKey].map(([key, entries]) => editOf(key, entries));
  const total = edits.reduce((sum, { entries }) => sum + entries.entries.length, 0);
  if (dryRun || total === 0) return { count: total, left };
  refuseElsewhere(found, { config }, 'add', edits);
  const store = async (list: typeof edits): Promise<void> => {
    const answer = await submitEdits(found, { config }, list);
    if (answer !== undefined) await awaitApplied(config, found, answer);
  };
  try {
    await store(edits);
    return { count: total, left };
  } catch (error) {
    if (!(error instanceof RackError) || error.code !== 'bad-argument') throw error;
  }
  let count = 0;
  for (const { key, entries } of edits) {
    for (const entry of entries.entries) {
      try {
        await store([editOf(key, [entry])]);
        count += 1;
      } catch (error) {
        if (!(error instanceof RackError)) throw error;
        left.push(`${JSON.stringify(entry)}: ${error.message}`);
      }
    }
  }
  return { count, left };
}
