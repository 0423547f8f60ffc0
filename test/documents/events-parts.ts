// The parts of docs/reference/events.md, made from the tables of the code and from the types of the fields: every published event, and every name
// of a refusal.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { EVENT_KINDS } from '../../src/daemon/rack/event-kinds.ts';
import { DHCP_REFUSALS } from '../../src/dhcp/events/refusals.ts';
import { RACK_ERROR_CODES } from '../../src/errors.ts';
import { REFUSALS } from '../../src/region/records/refusal.ts';
import { ALLOCATION_REASONS } from '../../src/region/reports/dhcp.ts';
import {
  FILE_REASONS,
  HTTP_REASONS,
  PURPOSE_SENTENCES,
  REGION_REASONS,
  TFTP_REASONS,
} from '../../src/region/reports/files.ts';
import type { HintName } from '../../src/region/reports/hints.ts';
import { ROOT } from './markdown.ts';
import { table } from './markdown-table.ts';

/** How each hint is recognised (`src/observe/hints.ts`). */
const HINT_PATTERNS = {
  'asked-before-heard': 'The first DISCOVER to arrive says that the machine has been asking for a while.',
  'offer-not-taken': 'Addresses are offered again and again, and never requested.',
  'other-server': 'The machine takes the offer of another DHCP server.',
  'no-loader': 'There is no loader for the architecture of the firmware.',
  'loader-loop': 'The same loader is loaded again and again without a configuration or kernel.',
  'file-missing': 'A file that the boot needs is not in the boot tree.',
  'cannot-start': 'The configuration for the machine can only explain why there is nothing to start.',
  'transfer-stalled': 'The machine falls silent in the middle of a TFTP transfer.',
  'transfer-unheard': 'TFTP transfers start, but no block is ever acknowledged.',
  'packets-lost': 'A tenth or more of the blocks of a file had to be sent again.',
  'report-refused': "The region refuses the machine's report.",
} as const satisfies Readonly<Record<HintName, string>>;

/** A field of an event. */
interface Field {
  readonly name: string;
  readonly type: string;
  /** Empty: its name says it. */
  readonly meaning: string;
}

const FIELD = /(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*)?readonly (\w+)\??: ([^;]+);/g;

function fieldsOf(body: string): readonly Field[] {
  return [...body.matchAll(FIELD)]
    .map(([, comment = '', name = '', type = '']) => ({
      name,
      type: type
        .replace(/\s+/g, ' ')
        .replace(/ \| undefined$/, '')
        .trim(),
      meaning: comment.replace(/\s*\n\s*\* ?/g, ' ').trim(),
    }))
    .filter(({ name }) => name !== 'kind');
}

/** The fields of each kind that a room's `events.ts` declares, besides those that every event may have. */
function fieldsByKind(source: string, kinds: readonly string[]): ReadonlyMap<string, readonly Field[]> {
  const found = new Map<string, readonly Field[]>();
  const named = new Map(
    [...source.matchAll(/interface (\w+)(?: extends RackEvent)? \{([\s\S]*?)\n\}/g)].map(([, name = '', body = '']) => [
      name,
      body,
    ]),
  );
  for (const [, text = '', body = '', more] of source.matchAll(
    /\{\s*readonly kind:([^;]+);?([^{}]*)\}(?:\s*& (\w+))?/g,
  )) {
    const fields = fieldsOf(`${body};${more === undefined ? '' : (named.get(more) ?? '')}`.replace(/(\w)\s*;$/, '$1;'));
    for (const [, kind = ''] of text.matchAll(/'([^']+)'/g)) found.set(kind, fields);
  }
  // A room with one shape for all of its events: any of them may have any of the fields.
  const shared = /interface \w+ extends RackEvent \{([\s\S]*?)\n\}/.exec(source)?.[1];
  if (shared !== undefined) for (const kind of kinds) if (!found.has(kind)) found.set(kind, fieldsOf(shared));
  return found;
}

/** Files that declare events. */
const SOURCES = [
  'boot/events.ts',
  'daemon/rack/events.ts',
  'dhcp/events/events.ts',
  'dns/events.ts',
  'http/events.ts',
  'daemon/rack/wire-events.ts',
  'observe/events.ts',
  'tftp/events.ts',
  'uplink/events.ts',
];

const ROOMS: Readonly<Record<string, string>> = {
  boot: 'What machines boot, and why a boot fails',
  clock: 'The clock',
  config: 'The configuration',
  daemon: 'The process',
  dhcp: 'DHCP',
  dns: 'DNS',
  http: 'HTTP',
  interface: 'The interfaces of this host',
  log: 'The log',
  machine: 'Machines of the region',
  metrics: 'The listener for metrics',
  net: 'The networks of this host',
  outbox: 'What waits for the region',
  region: 'The region',
  tftp: 'TFTP',
};

const named = (entries: Readonly<Record<string, string>>): string =>
  table(
    ['name', 'meaning, and what to do'],
    Object.entries(entries).map(([name, text]) => [`\`${name}\``, text]),
  );

const fieldText = (fields: readonly Field[]): string =>
  fields
    .map(({ name, type, meaning }) => `\`${name}\` (${type}${meaning === '' ? '' : `: ${meaning.replace(/\.$/, '')}`})`)
    .join('; ');

/** A row an event; the fields of a room that has one shape for all of its events come once, before its table. */
function roomText(room: string, fields: ReadonlyMap<string, readonly Field[]>): string {
  const kinds = [...EVENT_KINDS].filter(([name]) => name.startsWith(`${room}.`));
  const shapes = Map.groupBy(kinds, ([name]) => fieldText(fields.get(name) ?? []));
  const shared = [...shapes].find(([text, { length }]) => text !== '' && length > 2)?.[0];
  const rows = kinds.map(([name, { level, message, explanation }]) => {
    const own = fieldText(fields.get(name) ?? []);
    return [`\`${name}\``, level, `*${message}*. ${explanation}`, own === shared ? '' : own || 'none'];
  });
  const head = shared === undefined ? [] : [`Fields, unless a row names its own: ${shared}.`];
  return [
    `## ${ROOMS[room] ?? room}`,
    ...head,
    table(['event', 'level', 'meaning, and what to do', 'fields'], rows),
  ].join('\n\n');
}

const OTHER_TABLES: readonly (readonly [string, string])[] = [
  ['Hints of `boot.hint`', named(HINT_PATTERNS)],
  ['Reasons of DHCP (`dhcp.refused`, `dhcp.nak`)', named(DHCP_REFUSALS)],
  ['How DHCP chose an address (`source`)', named(ALLOCATION_REASONS)],
  ['Reasons of TFTP (`tftp.refused`)', named(TFTP_REASONS)],
  ['Reasons of HTTP (`http.refused`)', named(HTTP_REASONS)],
  ['Reasons of `http.region-unreachable` and `region.post-refused`', named(REGION_REASONS)],
  ['Reasons for missing files (`tftp.missing`, `http.missing`)', named(FILE_REASONS)],
  ['What the configuration tells a machine (`purpose`)', named(PURPOSE_SENTENCES)],
  [
    'Refusals of the API (header `X-Rackboot-Refusal`)',
    table(
      ['name', 'HTTP status', 'meaning, and what to do'],
      Object.entries(REFUSALS).map(([name, { status, explain }]) => [`\`${name}\``, String(status), explain]),
    ),
  ],
  ['Failures of commands and of the start', named(RACK_ERROR_CODES)],
];

/** `events`: a section a room. `names`: the tables of other names. */
export function eventsParts() {
  const kinds = [...EVENT_KINDS.keys()];
  const fields = new Map(
    SOURCES.flatMap((path) => {
      const source = readFileSync(join(ROOT, 'src', path), 'utf8');
      const own = kinds.filter((kind) => source.includes(`'${kind}'`));
      return [...fieldsByKind(source, own)];
    }),
  );
  const rooms = [...new Set(kinds.map((kind) => kind.slice(0, kind.indexOf('.'))))].sort();
  return {
    events: rooms.map((room) => roomText(room, fields)).join('\n\n'),
    names: OTHER_TABLES.map(([title, text]) => `## ${title}\n\n${text}`).join('\n\n'),
  };
}
