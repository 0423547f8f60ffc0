// docs/reference/dhcp-conformance.md, made from the table of demands: what the RFCs of DHCP demand of a server, and whether this one complies.

import { join } from 'node:path';
import { DHCP_MUSTS } from '../conformance/dhcp-musts.ts';
import type { Must, Verdict } from '../conformance/must.ts';
import { cell } from './markdown-table.ts';

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

function verdictText(verdict: Verdict): string {
  const proofs = verdict.kind === 'not-ours' ? [] : verdict.tests;
  const shown = proofs.map(({ file, name }) => `\`${file.replace(/^test\//, '')}\`: ${name}`).join('; ');
  switch (verdict.kind) {
    case 'met':
      return shown;
    case 'departs':
      return `**Departs.** ${verdict.because} ${shown}`;
    case 'not-ours':
      return verdict.because;
  }
}

const rowText = (row: Must): string =>
  `| ${row.section} | ${row.level} | ${cell(row.demand)} | ${cell(verdictText(row.verdict))} |`;

/** The whole document. */
export function renderConformanceDocument(): string {
  const rfcs = [...new Set(DHCP_MUSTS.map(({ rfc }) => rfc))].toSorted((a, b) => a - b);
  const count = (kind: Verdict['kind']): number => DHCP_MUSTS.filter(({ verdict }) => verdict.kind === kind).length;
  const sections = rfcs.map((rfc) => {
    const rows = DHCP_MUSTS.filter((row) => row.rfc === rfc && row.verdict.kind !== 'not-ours')
      .toSorted((a, b) => a.section.localeCompare(b.section, 'en', { numeric: true }))
      .map(rowText);
    return [
      `## RFC ${rfc}: ${TITLES[rfc] ?? ''}`,
      ['| section | level | demand | shown by, or why not |', '| --- | --- | --- | --- |', ...rows].join('\n'),
    ].join('\n\n');
  });
  const introduction = `# DHCP: demands of the RFCs, and their tests

Each demand is in our own words. A row with MUST NOT or SHOULD NOT says what holds if the demand is met. Rackboot meets ${count('met')} of them and
names their tests. It departs from ${count('departs')} for a reason, and names the tests that show its behaviour. ${count('not-ours')} more concern clients or relay
agents, and have no row here. A row whose test does not exist fails the suite (\`test/conformance/dhcp-musts.test.ts\`). This document is made from \`test/conformance/dhcp-musts.ts\` by \`npm run docs\`.`;
  return `${[introduction, ...sections].join('\n\n')}\n`;
}
