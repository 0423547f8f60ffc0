// The results of a benchmark: figures by metric and contender, their medians, and their two output formats.
//
// 1. A figure without a value for a contender stays without one; it is never filled in.

import { cpus, loadavg, release } from 'node:os';

/** One measurement of one contender in one round. */
export interface Figure {
  readonly metric: string;
  readonly unit: string;
  readonly value: number;
}

/** The medians of one metric. */
export interface Result {
  readonly metric: string;
  readonly unit: string;
  /** Undefined for a metric of the peers only. */
  readonly rackboot: number | undefined;
  readonly peers: Readonly<Record<string, number>>;
}

export interface Report {
  readonly what: string;
  readonly host: string;
  readonly results: readonly Result[];
  /** Notes that a reader needs to interpret the figures; printed above the table. */
  readonly notes: readonly string[];
}

/** The product's name in the reports. */
export const RACKBOOT = 'rackboot';

/** Collects figures over the rounds. */
export class Figures {
  readonly #values = new Map<string, { readonly unit: string; readonly by: Map<string, number[]> }>();

  add(contender: string, figures: readonly Figure[]): void {
    for (const { metric, unit, value } of figures) {
      const row = this.#values.get(metric) ?? { unit, by: new Map<string, number[]>() };
      this.#values.set(metric, row);
      row.by.set(contender, [...(row.by.get(contender) ?? []), value]);
    }
  }

  /** The medians, in the order in which the metrics were first added. */
  results(): readonly Result[] {
    return [...this.#values].map(([metric, { unit, by }]) => {
      const medians = new Map([...by].map(([name, values]) => [name, rounded(median(values))]));
      const rackboot = medians.get(RACKBOOT);
      medians.delete(RACKBOOT);
      return { metric, unit, rackboot, peers: Object.fromEntries(medians) };
    });
  }
}

/** The middle value; of an even number the mean of the two in the middle. NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.floor((sorted.length - 1) / 2)] ?? Number.NaN;
  return (upper + lower) / 2;
}

/** The value below which `share` (0 to 1) of the values lie. NaN of none. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = Float64Array.from(values).sort();
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;
}

/** Formats three digits, which exceeds the precision of such a figure. */
function rounded(value: number): number {
  return Math.abs(value) >= 100 ? Math.round(value) : Number(value.toPrecision(3));
}

/** Describes this host in a line, with its load, which determines how reliable the figures are. */
export function describeHost(loadBefore: number): string {
  const cores = cpus();
  const load = `load ${loadBefore.toFixed(1)} before, ${(loadavg()[0] ?? 0).toFixed(1)} after`;
  return `${cores.length} cores ${cores[0]?.model ?? 'unknown'}, Linux ${release()}, Node ${process.versions.node}, ${load}`;
}

/** The report as a table, with each peer's figure and Rackboot's share of it. */
export function formatReport(report: Report): string {
  const names = [...new Set(report.results.flatMap(({ peers }) => Object.keys(peers)))];
  const rows = [
    ['metric', 'unit', RACKBOOT, ...names.flatMap((name) => [name, '×'])],
    ...report.results.map(({ metric, unit, rackboot, peers }) => [
      metric,
      unit,
      show(rackboot),
      ...names.flatMap((name) => [show(peers[name]), unit === 'share' ? '' : ratio(rackboot, peers[name])]),
    ]),
  ];
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = rows.map((row) =>
    row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column] ?? 0) : cell.padStart(widths[column] ?? 0))),
  );
  return [
    `${report.what}: ${report.host}`,
    ...report.notes.map((note) => `  ${note}`),
    '',
    ...lines.map((cells) => cells.join('  ')),
  ].join('\n');
}

const show = (value: number | undefined): string => (value === undefined ? '–' : String(value));

const ratio = (rackboot: number | undefined, peer: number | undefined): string =>
  rackboot === undefined || peer === undefined || peer === 0 ? '' : (rackboot / peer).toFixed(2);
