// docs/bounds.md, made from the rows of the bounds and from the values of the code: who can fill what, and what the others notice.

import { join } from 'node:path';
import { findConstant, valueText } from '../hostile/bound-scan.ts';
import type { Harm, HeldBound } from '../hostile/bounds/row.ts';
import { HELD } from '../hostile/bounds.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Where the document lies. */
export const BOUNDS_DOCUMENT = join(ROOT, 'docs', 'bounds.md');

const INTRODUCTION = `# Bounds

Everything that a client can hold or fill has a bound: connections, transfers, waiting questions, offers, sessions, streams, queues, and every
table whose keys strangers choose. This document lists them by door. For each bound it says

- **who can fill it**: the weakest attacker who can do it, or who does it by accident;
- **what others notice** while it is full: everybody who did not fill it;
- **how it empties** again;
- **share**: what one client, address or network may have of it. Where it says *none*, one client alone can fill it;
- **shown by**: the test, below \`test/\`, that fails without the bound: \`npm run test:long\` makes one bound after the other a thousand times what it
  is, and runs it. A dash: there is no test of its own.

The first three lists say where others notice anything: [refused](#where-others-are-refused), [waiting](#where-others-wait),
[told less](#where-less-is-told). In every other bound they notice nothing. [Security](security.md) says what an operator can do.

Rates are bounds, too: \`5/s, 250 at once\` lets 250 pass together and five a second in the long run. Most bounds of events only thin out what
is told; the counters of the metrics count everything.

Limits of a single value (the length of a text, the size of one message, a time) are not listed: nobody else is affected when one is reached.
Bounds that a site sets are told with their keys, in \`config/rackboot.yaml\`: \`region.new_machines_max\` (machines that are New and that nobody touched; it has a
row, as a constant has) and \`dhcp.new_clients_per_second\`.
The code is the source of the values: this document is made from it by \`npm run docs\`. A test refuses a constant that is called as a bound is
(\`…_MAX\`, \`…_LIMIT\`, \`…_CAPACITY\`), or a rate, without a row.
`;

const cell = (text: string): string => text.replace(/\|/g, '\\|').replace(/\s+/g, ' ').trim();
const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function rowText({ at, what, whoCanFill, whatOthersNotice, howItEmpties, share, test }: HeldBound): string {
  const found = findConstant(at);
  if (found === undefined) throw new Error(`${at} is gone from src`);
  const [file = '', name = ''] = at.split(' ');
  const shown = test === undefined ? '—' : `\`${test}\``;
  const bound = `${sentence(what)} \`${name}\` in \`${file}\``;
  const said = [whoCanFill, whatOthersNotice, howItEmpties, share].map(sentence);
  return `| ${[bound, valueText(found), ...said, shown].map(cell).join(' | ')} |`;
}

const HARMS: Readonly<Record<Harm['kind'], readonly [title: string, text: string]>> = {
  refused: [
    'Where others are refused',
    'While somebody keeps one of these full, somebody else does not get what they ask for, or has less room. No bound can meet that: what\n' +
      'stops it is in the last column, and usually is a switch or a router.',
  ],
  waits: [
    'Where others wait',
    'While somebody keeps one of these full, somebody else waits, or asks again and is served.',
  ],
  told: [
    'Where less is told',
    'While somebody keeps one of these full, logs, pages and commands tell less than happens, or machines are recognised by less. Everybody ' +
      'is served.',
  ],
};

/** Every row in which others notice something so bad, by door. */
function harmSection(kind: Harm['kind']): string {
  const [title, text] = HARMS[kind];
  const stops = kind === 'refused' ? [' what stops it |', ' --- |'] : ['', ''];
  const rows = Object.entries(HELD).flatMap(([door, held]) =>
    held
      .filter(({ harm }) => harm?.kind === kind)
      .map(({ at, whoCanFill, whatOthersNotice, harm }) => {
        const stoppedBy = harm?.kind === 'refused' ? [sentence(harm.stoppedBy)] : [];
        const cells = [door, sentence(whoCanFill), sentence(whatOthersNotice), `\`${at.split(' ')[1]}\``, ...stoppedBy];
        return `| ${cells.map(cell).join(' | ')} |`;
      }),
  );
  const head = [`| door | who | what others notice | bound |${stops[0]}`, `| --- | --- | --- | --- |${stops[1]}`];
  return [`## ${title}`, text, [...head, ...rows].join('\n')].join('\n\n');
}

/** The whole document. */
export function renderBoundsDocument(): string {
  const sections = Object.entries(HELD).map(([door, rows]) =>
    [
      `## ${door}`,
      [
        '| bound | value | who can fill it | what others notice | how it empties | share | shown by |',
        '| --- | --- | --- | --- | --- | --- | --- |',
        ...rows.map(rowText),
      ].join('\n'),
    ].join('\n\n'),
  );
  const harms = (['refused', 'waits', 'told'] as const).map(harmSection);
  return `${[INTRODUCTION.trim(), ...harms, ...sections].join('\n\n')}\n`;
}
