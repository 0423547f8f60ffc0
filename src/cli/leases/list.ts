// `rackboot leases list` and `show`: which client holds which address until when, from the running
// daemon or its files. `end` ends a lease, and `clear` returns an address that was set aside; both
// need the daemon.
//
// 1. Columns of the CSV are added at the end, never renamed: scripts read them.

import { z } from 'zod';
import { ciscoPort, LEASE_CRITERIA, type LeaseReport } from '../../dhcp/leases/lease-report.ts';
import { formatIpv4, type Ipv4, parseIpv4, parseMac } from '../../ground/address.ts';
import { RackError } from '../../ground/errors.ts';
import { askRegion, printAnswer, type Where } from '../terminal/asking.ts';
import { jsonListLines, print, printError, printFields, printLines, tableLines } from '../terminal/output.ts';
import { findLeases, type GivenCriteria } from './source.ts';

/** CSV: RFC 4180. */
type LeaseFormat = 'table' | 'json' | 'csv';

const CSV_COLUMNS = [
  ['address', 'address'],
  ['mac', 'mac'],
  ['state', 'state'],
  ['network', 'network'],
  ['machine', 'machine'],
  ['hostname', 'hostname'],
  ['granted_at', 'grantedAt'],
  ['expires_at', 'expiresAt'],
  ['seconds', 'seconds'],
  ['client_id', 'clientId'],
  ['vendor_class', 'vendorClass'],
  ['circuit_id', 'circuitId'],
  ['remote_id', 'remoteId'],
  ['reserved_name', 'reservedName'],
] as const satisfies readonly (readonly [string, keyof LeaseReport])[];

/** Prints the leases that match every criterion, ordered by address. */
export async function listLeases(config: string, criteria: GivenCriteria, format: LeaseFormat): Promise<number> {
  const { leases, file } = await findLeases(config, criteria);
  if (file !== undefined) noteFile(file);
  if (format === 'json') await printLines(jsonListLines('', leases, ''));
  else if (format === 'csv') await printLines(csvLines(leases));
  else {
    const isAny = LEASE_CRITERIA.some((name) => criteria[name] !== undefined);
    const rows = leases.map((lease) => [
      lease.address,
      lease.mac,
      lease.state,
      clientName(lease),
      lease.expiresAt,
      lease.circuitId ?? '',
    ]);
    const empty = isAny ? 'No lease matches.' : 'There are no leases yet.';
    await printLines(tableLines(['ADDRESS', 'MAC', 'STATE', 'NAME', 'UNTIL', 'SWITCH PORT'], rows, empty));
  }
  return 0;
}

/** The region's name for a client, else the operator's, else its own. */
export const clientName = ({ machine, reservedName, hostname }: LeaseReport): string =>
  machine ?? reservedName ?? hostname ?? '';

/** Standard output holds only the list. */
const noteFile = (file: string): void => printError(`rackboot: no daemon answers; read from ${file}`);

function* csvLines(leases: readonly LeaseReport[]): Generator<string> {
  yield CSV_COLUMNS.map(([heading]) => heading).join(',');
  for (const lease of leases) yield CSV_COLUMNS.map(([, field]) => csvCell(String(lease[field] ?? ''))).join(',');
}

const csvCell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

/** About an address's lease, or every lease of a client. @throws RackError `not-found` */
export async function showLease(argv: Where & { readonly wanted: string }): Promise<number> {
  const { config, wanted } = argv;
  const address = parseIpv4(wanted);
  if (address === undefined && parseMac(wanted) === undefined)
    throw new RackError(
      'bad-argument',
      `${wanted} is neither an address nor a hardware address: rackboot leases list shows both`,
    );
  const { leases, file } = await findLeases(config, address === undefined ? { mac: wanted } : { address: wanted });
  if (file !== undefined) noteFile(file);
  if (leases.length === 0) {
    const what = address === undefined ? 'has no lease on this rack' : 'was never leased by this rack';
    throw new RackError('not-found', `${wanted} ${what}`);
  }
  return printAnswer(argv, leases, () => {
    for (const [index, lease] of leases.entries()) {
      if (index > 0) print('');
      printFields(listLeaseFields(lease));
    }
  });
}

const endedShape = z.object({ mac: z.string() });

/** Returns an address that was set aside to its range. */
export async function clearAddress(argv: Where & { readonly address: string }): Promise<number> {
  const address = formatIpv4(parseAddress(argv.address));
  await askRegion(argv, `/leases/clear?address=${address}`, 'POST');
  print(`${address} is no longer set aside. The rack probes it again before offering it.`);
  return 0;
}

/** @throws RackError `bad-argument`, `not-found` if the address has none, as `askDaemon` */
export async function endLease(argv: Where & { readonly address: string }): Promise<number> {
  const address = formatIpv4(parseAddress(argv.address));
  const { mac } = endedShape.parse(await askRegion(argv, `/leases/end?address=${address}`, 'POST'));
  print(`The lease of ${address} to ${mac} has ended.`);
  return 0;
}

function parseAddress(wanted: string): Ipv4 {
  const address = parseIpv4(wanted);
  if (address !== undefined) return address;
  throw new RackError(
    'bad-argument',
    `${wanted} is not an address: rackboot leases list shows the addresses of all clients`,
  );
}

export function listLeaseFields(lease: LeaseReport): readonly (readonly [string, string])[] {
  const fields: readonly (readonly [string, string | undefined])[] = [
    ['Address', lease.address],
    ['Network', lease.network ?? 'not served now'],
    ['State', lease.state],
    ['MAC', lease.mac],
    ['Machine', lease.machine],
    ['Reserved name', lease.reservedName],
    ['Hostname', lease.hostname],
    ['Granted', lease.grantedAt],
    ['Until', lease.expiresAt],
    ['Lease time', lease.expiresAt === 'never' ? 'forever' : `${lease.seconds} s`],
    ['Client id', lease.clientId],
    ['Vendor class', lease.vendorClass],
    ['Switch port', lease.circuitId === undefined ? undefined : formatPort(lease.circuitId)],
    ['Switch', lease.remoteId],
  ];
  return fields.flatMap(([name, value]) => (value === undefined ? [] : [[name, value] as const]));
}

function formatPort(circuitId: string): string {
  const port = ciscoPort(circuitId);
  return port === undefined ? circuitId : `${circuitId} (${port})`;
}
