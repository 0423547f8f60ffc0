// Kea's memfile, a CSV file with a row for each change of a lease, and the working files of its
// cleanup. Source: the Kea Administrator Reference Manual, "Memfile - Basic Storage for Leases",
// and the files of Kea 2.2.
//
// 1. Columns are found by name: some versions added some.
// 2. A comma inside a value is `&#x2c`; nothing is quoted. A row with fewer columns than its header
//    was cut off while being written: its last cell is incomplete.
// 3. `expire` minus `valid_lifetime` is when the client was last heard. Lifetime 0 means released,
//    2^32 - 1 endless.
// 4. A row before the first header, or below one that lacks a column, is reported.
// 5. State 0 is assigned, 1 declined, 2 expired and reclaimed, 3 released.

import { parseIpv4 } from '../../ground/address.ts';
import { parseJson } from '../../ground/fields.ts';
import { ENDLESS_SECONDS, type LeaseState } from '../leases/lease.ts';
import { readRelayInformation } from '../wire/relay-agent.ts';
import {
  FILE_LINE_MAX,
  type FileEntry,
  type FileProblem,
  leaseEntry,
  macOfClientId,
  parseClientMac,
  parseOctets,
  problemAt,
} from './foreign-lease.ts';

/** The states by Kea's number. */
export const KEA_STATES: readonly LeaseState[] = ['bound', 'declined', 'bound', 'released'];
const COLUMNS_NEEDED = ['address', 'hwaddr', 'valid_lifetime', 'expire'] as const;
const COLUMNS_READ = [...COLUMNS_NEEDED, 'client_id', 'state'] as const;

type Row = (column: string) => string;

export function* readKeaLeases(lines: Iterable<string>): Generator<FileEntry, void> {
  let line = 0;
  let columns: ReadonlyMap<string, number> | undefined;
  let withoutColumns: FileProblem = 'malformed';
  for (const text of lines) {
    line += 1;
    if (text.trim() === '') continue;
    if (text.length > FILE_LINE_MAX) {
      yield problemAt(line, 'malformed', 'the line is too long');
      continue;
    }
    const cells = text.split(',');
    if (cells[0] === 'address') {
      // Concatenated files have several headers.
      const named = new Map(cells.map((name, index) => [name.trim(), index]));
      const isUsable = COLUMNS_NEEDED.every((name) => named.has(name));
      columns = isUsable ? named : undefined;
      if (isUsable) continue;
      yield problemAt(line, named.has('duid') ? 'file-of-ipv6' : 'malformed', text);
      withoutColumns = named.has('duid') ? 'not-ipv4' : 'malformed';
    } else if (columns === undefined) {
      yield problemAt(line, withoutColumns, text);
    } else if (isCutOff(cells.length, columns)) {
      yield problemAt(line, 'malformed', text);
    } else {
      const header = columns;
      yield readRow((column) => unescapeCell(cells[header.get(column) ?? -1] ?? ''), line, text);
    }
  }
}

/** True for a row that ends before, or in, a cell with the holder or its time. */
const isCutOff = (cells: number, columns: ReadonlyMap<string, number>): boolean =>
  cells < columns.size && COLUMNS_READ.some((name) => (columns.get(name) ?? -1) >= cells - 1);

/** Kea writes a separator as its number. */
const unescapeCell = (cell: string): string =>
  cell.replace(/&#x([0-9a-f]{2})/gi, (_all, digits: string) => String.fromCharCode(Number.parseInt(digits, 16)));

function readRow(row: Row, line: number, text: string): FileEntry {
  const address = parseIpv4(row('address'));
  const lifetime = parseWholeNumber(row('valid_lifetime'));
  const expire = parseWholeNumber(row('expire'));
  // Files of Kea before 1.1 have no states.
  const state = KEA_STATES[parseWholeNumber(row('state') || '0') ?? -1];
  if (address === undefined || lifetime === undefined || expire === undefined || state === undefined) {
    return problemAt(line, 'malformed', text);
  }
  const clientId = parseOctets(row('client_id'));
  const hardware = row('hwaddr');
  const mac = parseClientMac(hardware) ?? macOfClientId(clientId);
  if (mac === undefined && state !== 'declined') {
    return problemAt(line, hardware === '' ? 'no-client' : 'not-ethernet', text);
  }
  const endless = lifetime === ENDLESS_SECONDS;
  return leaseEntry({
    line,
    address,
    mac,
    state: lifetime === 0 && state === 'bound' ? 'released' : state,
    grantedWallMs: expire < lifetime ? undefined : (expire - lifetime) * 1000,
    expiresWallMs: endless ? undefined : expire * 1000,
    hostname: row('hostname') || undefined,
    clientId,
    vendorClass: undefined,
    ...parseRelayContext(parseJson(row('user_context'))),
  });
}

const parseWholeNumber = (text: string): number | undefined => (/^\d{1,12}$/.test(text) ? Number(text) : undefined);

interface RelayIds {
  readonly circuitId: string | undefined;
  readonly remoteId: string | undefined;
}

const NO_RELAY: RelayIds = { circuitId: undefined, remoteId: undefined };

/** Option 82, if stored (`store-extended-info`), in hexadecimal. */
export function parseRelayContext(context: unknown): RelayIds {
  const info = member(member(context, 'ISC'), 'relay-agent-info');
  const digits = typeof info === 'string' ? info : member(info, 'sub-options');
  const hex = typeof digits === 'string' ? /^0x((?:[0-9a-f]{2})+)$/i.exec(digits)?.[1] : undefined;
  if (hex === undefined) return NO_RELAY;
  const { circuitId, remoteId } = readRelayInformation(Buffer.from(hex, 'hex'));
  return { circuitId, remoteId };
}

export const member = (value: unknown, name: string): unknown =>
  typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
