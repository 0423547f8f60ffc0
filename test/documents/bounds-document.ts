// docs/reference/bounds.md, made from the rows of the bounds and from the values of the code: who can fill each bound, and what others notice.

import { join } from 'node:path';
import { findConstant, valueText } from '../hostile/bound-scan.ts';
import { KERNEL_BOUNDS } from '../hostile/bounds/kernel.ts';
import type { Harm, HeldBound } from '../hostile/bounds/row.ts';
import { HELD } from '../hostile/bounds.ts';
import { cell } from './markdown-table.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Where the document lies. */
export const BOUNDS_DOCUMENT = join(ROOT, 'docs', 'reference', 'bounds.md');

const INTRODUCTION = `# Bounds

Everything that a client can hold or fill has a bound: connections, transfers, waiting questions, offers, sessions, streams, queues, and every
table whose keys strangers choose. This document lists, by door, those that other clients notice while an attacker keeps them full. For each it says

- **who can fill it**: the weakest attacker that can do so, or a client that does so by accident;
- **what others notice** while it is full: the clients that did not fill it;
- **how it empties** again;
- **share**: how much of it one client, address or network may have. *None* means that one client can fill it alone;
- **shown by**: the test, below \`test/\`, that fails without the bound. \`npm run test:long\` raises one bound after the other a thousandfold, and runs
  its test. A dash means that it has no test of its own.

**Refused** marks a bound that refuses some other client while an attacker keeps it full. No bound can prevent that; the row names what stops it,
usually a switch or a router. **Waits**: some other client waits, or asks again and is served. **Reported less**: logs, pages and commands leave
events out, or machines are recognised by fewer facts. Of all other bounds nobody but who fills them notices anything; \`test/hostile/bounds/\` lists them. [Security](../security.md) says what an
operator can do.

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
  const { what, whoCanFill, whatOthersNotice, howItEmpties, share, test, harm } = row;
  const shown = test === undefined ? '—' : `\`${test}\``;
  const notice = `${harmText(harm)}${sentence(whatOthersNotice)}${stopText(harm)}`;
  const said = [sentence(whoCanFill), notice, sentence(howItEmpties), sentence(share)];
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

/** What happens to others while it is full, in a word. */
const HARMS: Readonly<Record<Harm['kind'], string>> = {
  refused: '**Refused.**',
  waits: '**Waits.**',
  reported: '**Reported less.**',
};

const harmText = (harm: Harm | undefined): string => (harm === undefined ? '' : `${HARMS[harm.kind]} `);
const stopText = (harm: Harm | undefined): string =>
  harm?.kind === 'refused' ? ` What stops it: ${harm.stoppedBy}.` : '';

/** The whole document. */
export function renderBoundsDocument(): string {
  const sections = [
    ...Object.entries(HELD).flatMap(([door, rows]) => {
      const noticed = rows.filter(({ harm }) => harm !== undefined);
      return noticed.length === 0 ? [] : [section(door, noticed.map(heldText))];
    }),
    section(
      'Of the host',
      KERNEL_BOUNDS.map((row) => rowText(row.name, row.value, row)),
    ),
  ];
  return `${[INTRODUCTION.trim(), ...sections].join('\n\n')}\n`;
}
