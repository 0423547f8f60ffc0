// Validates a remote rack's events. Its heartbeats have `records/heartbeat.ts`.
//
// 1. An invalid entry of a batch is refused alone; the others are accepted.
// 2. Texts for people are cleaned here, before they are stored, because a rack is another host.

import { z } from 'zod';
import { cleanText } from '../../ground/clean-text.ts';
import { count, shownText } from '../records/heartbeat.ts';
import { isEventLevel } from '../records/machine-event.ts';
import { partRefusal, type RefusalWord } from '../records/refusal.ts';
import { reportedEvent } from '../reports/reported.ts';

export const ENTRIES_MAX = 1024;
/** Values in a batch's JSON. An entry has about twenty, and never more than fifty. */
export const BATCH_VALUES_MAX = 32_768;
/**
 * Values in the JSON of a heartbeat, or of the interfaces in a registration: as many as fit into a
 * heartbeat's bytes.
 */
export const HEARTBEAT_VALUES_MAX = 131_072;

const report = z.object({
  kind: z
    .string()
    .min(1)
    .max(64)
    .transform((text) => cleanText(text)),
  at: count,
  mac: z.string().max(17).optional(),
  address: z.string().max(15).optional(),
  text: shownText(4096),
  /**
   * Not validated here: `toReportedEvent` checks whether they fit the kind. Absent if the sentence
   * says everything.
   */
  params: z.record(z.string(), z.unknown()).optional(),
  level: z.string().refine(isEventLevel, 'is not a level').optional(),
});

const withParams = ({ params, ...rest }: z.output<typeof report>) => ({
  ...rest,
  params: params === undefined ? undefined : reportedEvent(rest.kind, params, undefined)?.params,
});

const post = z.object({
  at: count,
  peer: z.string().max(64),
  contentType: z.string().max(256),
  path: z.string().max(2048),
  body: z.base64(),
  token: z.string().max(64).optional(),
  bootMac: z.string().max(17).optional(),
});

const entry = z.discriminatedUnion('kind', [
  z.object({ sequence: count, kind: z.literal('report'), report: report.transform(withParams) }),
  z.object({ sequence: count, kind: z.literal('post'), post }),
]);

const batch = z.object({
  source: z.string().max(128),
  missed: count,
  entries: z.array(z.looseObject({ sequence: count })).max(ENTRIES_MAX),
});

type RawEntry = z.output<typeof batch>['entries'][number];

type LinkEntry =
  | z.output<typeof entry>
  | { readonly kind: 'fault'; readonly sequence: number; readonly reason: string };

export type KeptPost = z.output<typeof post>;

export interface LinkBatch {
  readonly source: string;
  /**
   * Events lost since the previous batch: at the bound of the rack's outbox, or before they reached
   * the outbox.
   */
  readonly missed: number;
  /** In the order of their sequences; `parseLinkEntry` parses each in its turn. */
  readonly entries: readonly RawEntry[];
}

type Checked<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problem: RefusalWord };

export function check<T>(schema: z.ZodType<T>, value: unknown): Checked<T> {
  const checked = schema.safeParse(value);
  if (checked.success) return { ok: true, value: checked.data };
  const [issue] = checked.error.issues;
  if (issue === undefined) throw new Error('a schema refuses a value without a reason');
  return { ok: false, problem: partRefusal('invalid-parameters', issue.path.map(String).join('.'), issue.message) };
}

/** Parses a batch of the rack `uuid`; its entries are validated later. */
export function parseBatch(uuid: string, value: unknown): Checked<LinkBatch> {
  const outer = check(batch, value);
  if (!outer.ok) return outer;
  const { source, entries } = outer.value;
  if (!source.startsWith(`${uuid}/`))
    return { ok: false, problem: partRefusal('invalid-parameters', 'source', `must begin with ${uuid}/`) };
  let last = -1;
  for (const { sequence } of entries) {
    if (sequence <= last)
      return {
        ok: false,
        problem: partRefusal('invalid-parameters', 'entries', `${sequence} follows ${last}: sequences must increase`),
      };
    last = sequence;
  }
  return outer;
}

export function parseLinkEntry(raw: RawEntry): LinkEntry {
  const checked = check(entry, raw);
  return checked.ok ? checked.value : { kind: 'fault', sequence: raw.sequence, reason: checked.problem.text };
}
