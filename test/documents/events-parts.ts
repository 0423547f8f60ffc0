// The parts of docs/reference/events.md, made from the definitions of events, their fields and the comments of these: every published event, and every name
// of a refusal.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { FILE_REASONS, PURPOSE_SENTENCES } from '../../src/boot/boot-words.ts';
import { DHCP_REFUSALS } from '../../src/dhcp/events/refusals.ts';
import { ALLOCATION_REASONS } from '../../src/dhcp/events/sentences.ts';
import { RACK_ERROR_CODES } from '../../src/ground/errors.ts';
import type { Form, Forms } from '../../src/ground/event.ts';
import { HTTP_REASONS, REGION_REASONS } from '../../src/http/events.ts';
import { REFUSALS } from '../../src/region/records/refusal.ts';
import type { HintName } from '../../src/region/reports/hints.ts';
import { NOTED } from '../../src/region/reports/notes.ts';
import { EVENT_KINDS } from '../../src/region/reports/reported.ts';
import { TFTP_REASONS } from '../../src/tftp/events.ts';
import { ROOT } from './markdown.ts';
import { table } from './markdown-table.ts';

/** How each hint is recognised (`src/observe/hints.ts`). */
const HINT_PATTERNS = {
  'asked-before-heard': 'The first DISCOVER to arrive says that the machine has been asking for a while.',
  'offer-not-taken': 'Addresses are offered again and again, and never requested.',
  'proxy-offer-ignored': 'In proxy mode, the machine takes an address of the other server and loads nothing, twice.',
  'other-server': 'The machine takes the offer of another DHCP server.',
  'no-loader': 'There is no loader for the architecture of the firmware.',
  'loader-loop': 'The same loader is loaded again and again without a configuration or kernel.',
  'file-missing': 'A file that the boot needs is not in the boot tree.',
  'cannot-start': 'The configuration for the machine can only explain why there is nothing to start.',
  'transfer-stalled': 'The machine falls silent in the middle of a TFTP transfer.',
  'transfer-unheard': 'TFTP transfers start, but no block is ever acknowledged.',
  'packets-lost': 'A tenth or more of the blocks of a file had to be sent again.',
  'kernel-refused': 'GRUB loads the same file by HTTP and then by TFTP, because it could not start it.',
  'tls-failed': 'The machine is offered a loader by https, and ends the TLS handshake.',
  'report-refused': "The region refuses the machine's report.",
} as const satisfies Readonly<Record<HintName, string>>;

/** Files that define fields with a comment each. */
const SOURCES: Readonly<Record<string, string>> = {
  boot: 'boot/events.ts',
  dhcp: 'dhcp/events/fields.ts',
  dns: 'dns/events.ts',
  http: 'http/events.ts',
  tftp: 'tftp/events.ts',
};
const OTHER_SOURCES = 'region/reports/daemon-events.ts';
const FIELD = /\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\s*(\w+): (?:'(?:text|number|flag)\??'|\[|OWNERS)/g;

/** The comments of the fields of a room, by name. */
function meaningsOf(room: string): ReadonlyMap<string, string> {
  const source = readFileSync(join(ROOT, 'src', SOURCES[room] ?? OTHER_SOURCES), 'utf8');
  const found = source.matchAll(FIELD);
  return new Map(
    [...found].map(([, comment = '', name = '']) => [
      name,
      comment
        .replace(/\s*\n\s*\* ?/g, ' ')
        .trim()
        .replace(/\.$/, ''),
    ]),
  );
}

const typeOf = (form: Form): string => (typeof form === 'string' ? form.replace('?', '') : form.join(', '));

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

/** A kind's fields; the values of a note are many, and named in its sentence. */
function fieldsOf(fields: Readonly<Partial<Forms>>): readonly (readonly [name: string, form: Form])[] {
  const hasNote = 'note' in fields;
  return Object.entries(fields).flatMap(([name, form]) =>
    form === undefined || (hasNote && name !== 'note' && name in NOTED) ? [] : [[name, form] as const],
  );
}

/** The fields of the room, then a row an event with the names of its own. */
function roomText(room: string): string {
  const kinds = [...EVENT_KINDS].filter(([name]) => name.startsWith(`${room}.`));
  const meanings = meaningsOf(room);
  const all = new Map(kinds.flatMap(([, { fields, logged }]) => fieldsOf({ ...fields, ...logged })));
  const described = [...all].map(([name, form]) => {
    const meaning = meanings.get(name);
    return `\`${name}\` (${typeOf(form)}${meaning === undefined ? '' : `: ${meaning}`})`;
  });
  const rows = kinds.map(([name, { level, message, fields, logged, explanation }]) => [
    `\`${name}\``,
    level,
    `*${message}*. ${explanation}`,
    fieldsOf({ ...fields, ...logged })
      .map(([field]) => `\`${field}\``)
      .join(', '),
  ]);
  return [
    `## ${ROOMS[room] ?? room}`,
    ...(described.length === 0 ? [] : [`Fields: ${described.join('; ')}.`]),
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
  const rooms = [...new Set(kinds.map((kind) => kind.slice(0, kind.indexOf('.'))))].sort();
  return {
    events: rooms.map(roomText).join('\n\n'),
    names: OTHER_TABLES.map(([title, text]) => `## ${title}\n\n${text}`).join('\n\n'),
  };
}
