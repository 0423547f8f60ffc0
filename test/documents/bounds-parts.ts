// The parts of docs/reference/bounds.md, made from the rows of the bounds and from the values of the code: who can fill each bound, and what others notice.

import { findConstant, valueText } from '../hostile/bound-scan.ts';
import { KERNEL_BOUNDS } from '../hostile/bounds/kernel.ts';
import type { BoundFacts, HeldBound } from '../hostile/bounds/row.ts';
import { HELD } from '../hostile/bounds.ts';
import { cell } from './markdown-table.ts';

const sentence = (text: string): string => `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;

function rowText(name: string, value: string, row: BoundFacts): string {
  const { what, whoCanFill, whatOthersNotice, howItEmpties, share, test } = row;
  const stop = row.harm === 'refused' ? ` What stops it: ${row.stoppedBy}.` : '';
  const cells = [
    `${sentence(what)} ${name}`,
    value,
    sentence(whoCanFill),
    `${HARMS[row.harm]} ${sentence(whatOthersNotice)}${stop}`,
    sentence(howItEmpties),
    sentence(share),
    test === undefined ? '—' : `\`${test}\``,
  ];
  return `| ${cells.map(cell).join(' | ')} |`;
}

function heldText(row: HeldBound): string {
  const found = findConstant(row.at);
  if (found === undefined) throw new Error(`${row.at} is gone from src`);
  const [file = '', name = ''] = row.at.split(' ');
  return rowText(`\`${name}\` in \`${file}\``, valueText(found), row);
}

const section = (title: string, rows: readonly string[]): string => `## ${title}

| bound | value | who can fill it | what others notice | how it empties | share | shown by |
| --- | --- | --- | --- | --- | --- | --- |
${rows.join('\n')}`;

/** What happens to others while it is full, in a word. */
const HARMS: Readonly<Record<BoundFacts['harm'], string>> = {
  refused: '**Refused.**',
  waits: '**Waits.**',
  reported: '**Reported less.**',
};

/** `bounds`: a section a door. */
export const boundsParts = () => ({
  bounds: [
    ...Object.entries(HELD).map(([door, rows]) => section(door, rows.map(heldText))),
    section(
      'Of the host',
      KERNEL_BOUNDS.map((row) => rowText(row.name, row.value, row)),
    ),
  ].join('\n\n'),
});
