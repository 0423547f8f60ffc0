// The last report of racks on each download, for people to see.

import { z } from 'zod';

/** Bound on the reports of one rack; a further one replaces its oldest. */
export const REPORTED_OF_RACK_MAX = 32;
/**
 * Bound on the reports of all racks; a further one replaces the oldest report of the rack that has
 * the most.
 */
export const REPORTED_DOWNLOADS_MAX = 256;

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** API 1.0. Its texts are cleaned. */
export const reportedDownload = z.object({
  rack: z.string().max(64),
  file: z.string().max(1024),
  bytes: count,
  /** `undefined`: unknown. */
  total: count.optional(),
  /** Empty: it did not fail. */
  error: z.string().max(1024),
  atMs: z.number(),
});
export type ReportedDownload = z.output<typeof reportedDownload>;

/**
 * Adds a report, which replaces the rack's previous report on the same file. @param reports the
 * newest last
 */
export function withReport(
  reports: readonly ReportedDownload[],
  report: ReportedDownload,
): readonly ReportedDownload[] {
  const others = reports.filter(({ rack, file }) => rack !== report.rack || file !== report.file);
  const isOwnFull = others.filter(({ rack }) => rack === report.rack).length >= REPORTED_OF_RACK_MAX;
  if (isOwnFull) return [...dropOldestDownload(report.rack, others), report];
  const all = [...others, report];
  return all.length > REPORTED_DOWNLOADS_MAX ? dropOldestDownload(rackWithMost(all), all) : all;
}

function dropOldestDownload(rack: string, reports: readonly ReportedDownload[]): readonly ReportedDownload[] {
  const oldest = reports.find((report) => report.rack === rack);
  return reports.filter((report) => report !== oldest);
}

/** The rack with the most reports; of several such racks, the one with the oldest report. */
function rackWithMost(reports: readonly ReportedDownload[]): string {
  const counts = new Map<string, number>();
  for (const { rack } of reports) counts.set(rack, (counts.get(rack) ?? 0) + 1);
  const most = Math.max(...counts.values());
  return reports.find(({ rack }) => counts.get(rack) === most)?.rack ?? '';
}
