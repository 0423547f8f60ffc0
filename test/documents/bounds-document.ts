// docs/bounds.md, made from the rows of the bounds and from the values of the code: who can fill each bound, and what others notice.

import { join } from 'node:path';
import { findConstant, valueText } from '../hostile/bound-scan.ts';
import { KERNEL_BOUNDS } from '../hostile/bounds/kernel.ts';
import type { Harm, HeldBound } from '../hostile/bounds/row.ts';
import { HELD } from '../hostile/bounds.ts';
import { cell } from './markdown-table.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Where the document lies. */
export const BOUNDS_DOCUMENT = join(ROOT, 'docs', 'bounds.md');

const INTRODUCTION = `# Bounds

Everything that a client can hold or fill has a bound: connections, transfers, waiting questions, offers, sessions, streams, queues, and every
table whose keys strangers choose. This document lists them by door. For each bound it says

- **who can fill it**: the weakest attacker that can do so, or a client that does so by accident;
- **what others notice** while it is full: the clients that did not fill it;
- **how it empties** again;
- **share**: how much of it one client, address or network may have. *None* means that one client can fill it alone;
- **shown by**: the test, below \`test/\`, that fails without the bound. \`npm run test:long\` raises one bound after the other a thousandfold, and runs
  its test. A dash means that it has no test of its own.

The first three lists name the bounds that others notice: they are [refused](#where-others-are-refused), they [wait](#where-others-wait), or they
[learn less](#where-less-is-reported). They notice no other bound. [Security](security.md) says what an operator can do.

Rates are bounds, too: \`5/s, 250 at once\` lets 250 pass together and five a second in the long run. Most bounds of events only thin out the
reports; the counters of the metrics count everything.

Limits of a single value (the length of a text, the size of one message, a time) are not listed, because reaching one affects no other client.
\`config/rackboot.yaml\` explains the bounds that a site sets: \`region.new_machines_max\` (New machines that no user touched; it has a row, like a
constant) and \`dhcp.new_clients_per_second\`.
[The last list](#of-the-host) names bounds of the host that the code does not: open files, and queues of the kernel.
The code is the source of the other values: this document is made from it by \`npm run docs\`. A test refuses a constant with the name of a bound
(\`…_MAX\`, \`…_LIMIT\`, \`…_CAPACITY\`), or a rate, without a row.
`;

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

/** A row of any kind. */
type Row = Omit<HeldBound, 'at'>;

function rowText(name: string, value: string, row: Row): string {
  const { what, whoCanFill, whatOthersNotice, howItEmpties, share, test } = row;
  const shown = test === undefined ? '—' : `\`${test}\``;
  const said = [whoCanFill, whatOthersNotice, howItEmpties, share].map(sentence);
  return `| ${[`${sentence(what)} ${name}`, value, ...said, shown].map(cell).join(' | ')} |`;
}

function heldText(row: HeldBound): string {
  const found = findConstant(row.at);
  if (found === undefined) throw new Error(`${row.at} is gone from src`);
  const [file = '', name = ''] = row.at.split(' ');
  return rowText(`\`${name}\` in \`${file}\``, valueText(found), row);
}

function section(title: string, rows: readonly string[]): string {
  const head = [
    '| bound | value | who can fill it | what others notice | how it empties | share | shown by |',
    '| --- | --- | --- | --- | --- | --- | --- |',
  ];
  return [`## ${title}`, [...head, ...rows].join('\n')].join('\n\n');
}

const HARMS: Readonly<Record<Harm['kind'], readonly [title: string, text: string]>> = {
  refused: [
    'Where others are refused',
    'While an attacker keeps one of these full, some other client is refused, or has less room. No bound can prevent that: the last column\n' +
      'names what stops it, usually a switch or a router.',
  ],
  waits: [
    'Where others wait',
    'While an attacker keeps one of these full, some other client waits, or asks again and is served.',
  ],
  reported: [
    'Where less is reported',
    'While an attacker keeps one of these full, logs, pages and commands leave events out, or machines are recognised by fewer facts. Every ' +
      'client is served.',
  ],
};

/** Every row with this kind of harm, by door. */
function harmSection(kind: Harm['kind']): string {
  const [title, text] = HARMS[kind];
  const stops = kind === 'refused' ? [' what stops it |', ' --- |'] : ['', ''];
  const all: readonly (Row & { readonly door: string; readonly name: string })[] = [
    ...Object.entries(HELD).flatMap(([door, held]) =>
      held.map((row) => ({ ...row, door, name: `\`${row.at.split(' ')[1]}\`` })),
    ),
    ...KERNEL_BOUNDS.map((row) => ({ ...row, door: 'Of the host' })),
  ];
  const rows = all
    .filter(({ harm }) => harm?.kind === kind)
    .map(({ door, name, whoCanFill, whatOthersNotice, harm }) => {
      const stoppedBy = harm?.kind === 'refused' ? [sentence(harm.stoppedBy)] : [];
      return `| ${[door, sentence(whoCanFill), sentence(whatOthersNotice), name, ...stoppedBy].map(cell).join(' | ')} |`;
    });
  const head = [`| door | who | what others notice | bound |${stops[0]}`, `| --- | --- | --- | --- |${stops[1]}`];
  return [`## ${title}`, text, [...head, ...rows].join('\n')].join('\n\n');
}

/** The whole document. */
export function renderBoundsDocument(): string {
  const sections = [
    ...Object.entries(HELD).map(([door, rows]) => section(door, rows.map(heldText))),
    section(
      'Of the host',
      KERNEL_BOUNDS.map((row) => rowText(row.name, row.value, row)),
    ),
  ];
  const harms = (['refused', 'waits', 'reported'] as const).map(harmSection);
  return `${[INTRODUCTION.trim(), ...harms, ...sections].join('\n\n')}\n`;
}
