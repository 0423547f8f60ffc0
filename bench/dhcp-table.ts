// The results of the DHCP benchmark as docs/performance.md shows them.
//
// 1. A cell is the rate, then p50 and p99 of a whole exchange, then the server's processor time for one; a dash means not measured.

import { RACKBOOT, type Result } from './figure.ts';

const SERVERS: readonly (readonly [string, string])[] = [
  [RACKBOOT, 'Rackboot'],
  ['before', 'Rackboot before'],
  ['kea', 'Kea 2.2 (memfile)'],
  ['isc', 'ISC dhcpd 4.4'],
  ['dnsmasq', 'dnsmasq 2.90'],
];
/** Before the rows of a part: `1 000 leases: DORA, 32 in flight, …`. */
const PART = /^(?:(.+ leases): )?(DORA|renew), (\d+) in flight( for \d+ s)?$/;
const SYNCED = 'traced, 1 at a time: ACKs that leave after a sync of their lease';
const SYNCS = 'traced, 1 at a time: syncs for a lease';
const SYNCS_TOGETHER = 'traced, 32 at a time: syncs for a lease';

/** A Markdown table: a row for each part; the last one says what is on disk when an ACK leaves. */
export function formatDhcpTable(results: readonly Result[]): string {
  const values = new Map(results.map((result) => [result.metric, result]));
  const figureOf = (metric: string, server: string): number | undefined => {
    const found = values.get(metric);
    return server === RACKBOOT ? found?.rackboot : found?.peers[server];
  };
  const servers = SERVERS.filter(([name]) => results.some(({ metric }) => figureOf(metric, name) !== undefined));
  const row = (head: string, cell: (server: string) => string): string =>
    `| ${[head, ...servers.map(([name]) => cell(name))].join(' | ')} |`;
  const parts = results.flatMap(({ metric }) => {
    const [whole, leases, kind = '', clients, time = ''] = PART.exec(metric) ?? [];
    if (whole === undefined) return [];
    const head = `${kind === 'DORA' ? 'leases' : 'renewals'}/s, ${clients} at a time${time}${leases === undefined ? '' : `, ${leases} there`}`;
    const timed = kind === 'DORA' ? 'all' : 'ACK';
    return row(head, (server) => {
      const rate = figureOf(metric, server);
      if (rate === undefined) return '–';
      const [p50, p99] = [`${metric}, ${timed} p50`, `${metric}, ${timed} p99`].map((name) => figureOf(name, server));
      const cpu = figureOf(`${metric}, server CPU each`, server);
      return `${spaced(rate)} (${short(p50)}, ${short(p99)} ms; ${spaced(cpu)} µs)`;
    });
  });
  const durability = row('an ACK leaves after', (server) => {
    const [synced, alone, together] = [SYNCED, SYNCS, SYNCS_TOGETHER].map((metric) => figureOf(metric, server));
    if (synced === undefined) return '–';
    if (synced < 1) return synced === 0 ? 'a write, no sync' : `a sync, in ${Math.round(synced * 100)} of 100`;
    return `its sync (${short(alone)} a lease, ${short(together)} with 32 at a time)`;
  });
  const titles = ['a second (p50, p99; server CPU each)', ...servers.map(([, title]) => title)];
  return [
    `| ${titles.join(' | ')} |`,
    `| ${titles.map(() => '---').join(' | ')} |`,
    ...parts,
    ...(values.has(SYNCED) ? [durability] : []),
  ].join('\n');
}

/** Three digits. */
const short = (value = Number.NaN): string => (value >= 100 ? spaced(value) : String(Number(value.toPrecision(2))));

/** Three digits, thousands apart. */
function spaced(value = Number.NaN): string {
  const rounded = Number(value.toPrecision(3));
  return rounded < 1000 ? String(rounded) : String(rounded).replace(/\B(?=(\d{3})+$)/g, ' ');
}
