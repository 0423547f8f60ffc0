// docs/reference/dhcp-conformance.md, made from the table of demands: what the RFCs of DHCP demand of a server, and whether this one complies.

import { join } from 'node:path';
import { DHCP_MUSTS } from '../conformance/dhcp-musts.ts';
import type { Must } from '../conformance/must.ts';
import { table } from './markdown-table.ts';

const ROOT = join(import.meta.dirname, '..', '..');

/** Where the document lies. */
export const CONFORMANCE_DOCUMENT = join(ROOT, 'docs', 'reference', 'dhcp-conformance.md');

const TITLES: Readonly<Record<number, string>> = {
  1542: 'BOOTP relays',
  2131: 'Dynamic Host Configuration Protocol',
  2132: 'options',
  3004: 'user class (77)',
  3011: 'subnet selection (118)',
  3046: 'relay agent information (82)',
  3396: 'long options',
  3397: 'domain search list (119)',
  3442: 'classless routes (121)',
  3527: 'link selection (82.5)',
  3925: 'options of vendors (125)',
  4361: 'client identifiers (61)',
  4578: 'PXE (93, 94, 97)',
  4702: 'client FQDN (81)',
  5107: 'server identifier override (82.11)',
  6842: 'client identifier in replies',
};

const placeOf = ({ rfc, section }: Must): string => `RFC ${rfc} §${section}`;

/** The whole document: the departures with their reasons, and what is met, a row a section. */
export function renderConformanceDocument(): string {
  const rows = DHCP_MUSTS.toSorted(
    (a, b) => a.rfc - b.rfc || a.section.localeCompare(b.section, 'en', { numeric: true }),
  );
  const departures = rows.flatMap((row) =>
    row.verdict.kind === 'departs' ? [[placeOf(row), row.level, row.demand, row.verdict.because]] : [],
  );
  const met = rows.filter(({ verdict }) => verdict.kind === 'met');
  const sections = [...Map.groupBy(met, placeOf)].map(([place, demands]) => [
    place,
    demands.map(({ level, demand }) => `${level}: ${demand}`).join(' '),
  ]);
  const titles = [...new Set(rows.map(({ rfc }) => rfc))].map((rfc) => `${rfc} (${TITLES[rfc] ?? ''})`);
  return `# DHCP: demands of the RFCs

Each demand is in our own words. MUST NOT and SHOULD NOT say what holds if the demand is met. Rackboot departs from ${departures.length} for a reason, meets
${met.length}, and ${rows.length - met.length - departures.length} more concern clients or relay agents. This document is made by \`npm run docs\` from \`test/conformance/dhcp-musts.ts\`, which names the
test of each demand and departure; a row whose test does not exist fails the suite. The RFCs: ${titles.join(', ')}.

## Departures

${table(['where', 'level', 'demand', 'why not'], departures)}

## Met

${table(['where', 'demands'], sections)}
`;
}
